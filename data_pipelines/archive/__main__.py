"""`python -m data_pipelines.archive`."""

from data_pipelines.archive.command import main

if __name__ == "__main__":
    main()
