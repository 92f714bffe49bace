"""Beam's options as words: a pipeline that is made from them has the options that were given."""

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from data_pipelines.pairs_builder.beam_options import PreparationOptions, words_of


def test_words_stay_as_they_were_given() -> None:
    assert words_of(None) == words_of(PipelineOptions([])) == []
    # One of them is Beam's own default.
    words = ["--direct_running_mode=in_memory", "--direct_num_workers=1", "--strict"]
    assert words_of(PipelineOptions(words)) == words


def test_keywords_become_words() -> None:
    words = words_of(PipelineOptions([], runner="FlinkRunner", flink_master="flink:8081", strict=True))
    assert set(words) == {"--runner=FlinkRunner", "--flink_master=flink:8081", "--strict"}
    assert PreparationOptions(words).strict
    assert words_of(PipelineOptions(direct_num_workers=4)) == ["--direct_num_workers=4"]


def test_what_is_set_later_counts() -> None:
    options = PipelineOptions(["--strict"])
    options.view_as(DirectOptions).direct_num_workers = 3
    assert words_of(options) == ["--strict", "--direct_num_workers=3"]
