"use strict";
// Sends one file to the server of this page and shows what comes back. Nothing else is contacted.
(() => {
  const element = (id) => document.getElementById(id);
  const compare = element("compare");
  const position = element("position");
  const slice = element("slice");
  const POLL_MILLISECONDS = 400;
  const focus = { x: 0.5, y: 0.5 };
  let shown = null;
  let running = null;
  let download = "";

  // ---- What is going on

  const fail = (message) => {
    element("error").textContent = message;
    element("error").hidden = !message;
  };

  const setBusy = (title) => {
    const busy = Boolean(title);
    element("busy").hidden = !busy;
    element("drop").disabled = busy;
    document.body.setAttribute("aria-busy", String(busy));
    if (!busy) return;
    element("busy-title").textContent = title;
    element("busy-note").textContent = "Sending the file.";
    element("bar").removeAttribute("value");
    element("status").textContent = title;
  };

  const showProgress = (found, seconds) => {
    const known = found.slices > 0;
    const bar = element("bar");
    if (known && found.done > 0) {
      bar.max = found.slices;
      bar.value = found.done;
    } else bar.removeAttribute("value");
    const packing = known && found.done === found.slices ? ", packing the result" : "";
    const work = known ? `${found.done} of ${found.slices} slices${packing}` : "Waiting for the server";
    element("busy-note").textContent = `${work} · ${seconds} s`;
  };

  const watch = async (key, signal) => {
    const started = Date.now();
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
      if (signal.aborted) return;
      try {
        const answer = await fetch(`/page/progress?key=${key}`, { signal });
        showProgress(await answer.json(), Math.round((Date.now() - started) / 1000));
      } catch {
        // The request itself will say what is wrong.
      }
    }
  };

  // ---- Sending

  const size = (bytes) => (bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KB` : `${(bytes / 2 ** 20).toFixed(bytes < 1e7 ? 1 : 0)} MB`);

  const refusal = (files) => {
    const most = Number(document.body.dataset.mostBytes);
    if (files.length > 1) {
      return `Expected one file. Received: ${files.length}. For a DICOM series of many files use lfsr enhance.`;
    }
    if (files[0].size === 0) return "Expected a scan. Received: an empty file. Copy it again.";
    if (files[0].size <= most) return "";
    return `Expected a file of at most ${size(most)}. Received: ${size(files[0].size)}. Use lfsr enhance.`;
  };

  const send = async (file, signal, key) => {
    const query = new URLSearchParams({ name: file.name, key });
    const headers = { "content-type": "application/octet-stream" };
    const answer = await fetch(`/page/enhance?${query}`, { method: "POST", body: file, headers, signal });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  };

  const explain = (error) => {
    if (error instanceof TypeError) return "The server does not answer, or the file cannot be read. Is the server still running?";
    if (error instanceof SyntaxError) return "The server gave no answer that this page understands. See its log.";
    return error.message;
  };

  const take = async (files) => {
    if (running || files.length === 0) return;
    const reason = refusal(files);
    fail(reason);
    if (reason) return;
    running = new AbortController();
    const finished = new AbortController();
    const key = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16)).join("");
    setBusy(`Enhancing ${files[0].name}`);
    watch(key, finished.signal);
    try {
      show(files[0].name, await send(files[0], running.signal, key));
    } catch (error) {
      const cancelled = running.signal.aborted;
      if (!cancelled) fail(explain(error));
      element("status").textContent = cancelled ? "Cancelled." : "";
      setBusy("");
      element("drop").focus();
    } finally {
      finished.abort();
      running = null;
      setBusy("");
    }
  };

  // ---- Showing

  const showSlice = async () => {
    const result = shown;
    const number = Number(slice.value);
    element("slice-label").textContent = `Slice ${number} of ${result.slices}`;
    slice.setAttribute("aria-valuetext", `${number} of ${result.slices}`);
    element("previous").disabled = number <= 1;
    element("next").disabled = number >= result.slices;
    // Decoded before they are swapped in, so that neither side flickers.
    const pictures = [result.lr[number - 1], result.sr[number - 1]].map((source) => {
      const picture = new Image();
      picture.src = source;
      return picture;
    });
    await Promise.all(pictures.map((picture) => picture.decode()));
    if (shown !== result || Number(slice.value) !== number) return;
    element("before").src = pictures[0].src;
    element("before").alt = `Slice ${number} of your ${result.kind}`;
    element("after").src = pictures[1].src;
    element("after").alt = `Slice ${number}, enhanced`;
  };

  const step = (by) => {
    const before = slice.value;
    slice.value = String(Number(before) + by);
    if (slice.value !== before) showSlice();
  };

  const movePosition = () => {
    compare.style.setProperty("--position", `${position.value}%`);
    position.setAttribute("aria-valuetext", `${position.value} % your ${shown.kind}`);
  };

  // Which point of the picture stays in place when it is enlarged, as fractions of its width and height.
  const setFocus = (x, y) => {
    focus.x = Math.min(Math.max(x, 0), 1);
    focus.y = Math.min(Math.max(y, 0), 1);
    compare.style.setProperty("--x", `${100 * focus.x}%`);
    compare.style.setProperty("--y", `${100 * focus.y}%`);
  };

  const setZoom = () => {
    const percent = Number(element("zoom").value);
    compare.style.setProperty("--zoom", String(percent / 100));
    element("zoom-keys").hidden = percent === 100;
    element("edges").hidden = percent > 100;
  };

  const setBrightness = () => {
    const factor = Number(element("brightness").value) / 100;
    compare.style.setProperty("--brightness", String(factor));
    const white = Number((shown.window / factor).toPrecision(3));
    element("window-note").textContent = `Both show 0 as black and ${white} as white.`;
  };

  const added = (parent, name, text, className) => {
    const child = document.createElement(name);
    child.textContent = text;
    if (className) child.className = className;
    parent.append(child);
    return child;
  };

  const showTrust = (result) => {
    element("facts").replaceChildren();
    for (const fact of result.facts) {
      added(element("facts"), "dt", fact.label, fact.tone);
      added(added(element("facts"), "dd", fact.value), "span", fact.note, "note");
    }
    const count = result.warnings.length;
    element("warnings").hidden = count === 0;
    element("warnings-title").textContent = count === 1 ? "One warning" : `${count} warnings`;
    element("warnings-list").replaceChildren();
    for (const warning of result.warnings) added(element("warnings-list"), "li", warning);
    element("options-note").hidden = !result.warnings.some((warning) => warning.includes("Give --") || warning.includes("give --"));
  };

  const offer = (file) => {
    URL.revokeObjectURL(download);
    const letters = atob(file.base64);
    const bytes = new Uint8Array(letters.length);
    for (let index = 0; index < letters.length; index += 1) bytes[index] = letters.charCodeAt(index);
    download = URL.createObjectURL(new Blob([bytes], { type: file.type }));
    element("download").href = download;
    element("download").download = file.name;
    element("download-label").textContent = `Download ${shown.kind === "picture" ? "PNG" : "NIfTI"}, ${size(bytes.length)}`;
    element("download").title = file.name;
    delete file.base64;
  };

  const show = (name, result) => {
    shown = result;
    result.kind = result.file.type === "image/png" ? "picture" : "scan";
    element("before-tag").textContent = `Your ${result.kind}`;
    element("zoom").value = element("brightness").value = "100";
    document.body.classList.add("chosen");
    element("drop-title").textContent = "Drop another file here, or choose one";
    element("result-title").textContent = name;
    element("result-model").textContent = `Enhanced by ${result.model}, version ${result.version} (${result.network})`;
    compare.style.setProperty("--aspect", String(result.aspect));
    [...element("edges").children].forEach((letter, index) => {
      letter.textContent = result.edges ? result.edges[index] : "";
    });
    element("edges-note").hidden = !result.edges;
    slice.max = String(result.slices);
    slice.value = String(Math.ceil(result.slices / 2));
    element("slice-control").hidden = result.slices === 1;
    element("slice-keys").hidden = result.slices === 1;
    showTrust(result);
    offer(result.file);
    setBrightness();
    setZoom();
    movePosition();
    showSlice();
    element("result").hidden = false;
    element("status").textContent = `${name} is enhanced: ${result.slices} slices, ${result.warnings.length} warnings.`;
    element("result-title").focus();
  };

  // ---- What the user does

  const isFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  const dragging = (event, on) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    document.body.classList.toggle("dragging", on && !running);
  };

  element("drop").addEventListener("click", () => element("file").click());
  element("file").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    take(files);
  });
  document.addEventListener("dragover", (event) => dragging(event, true));
  document.addEventListener("dragleave", (event) => event.relatedTarget || dragging(event, false));
  document.addEventListener("drop", (event) => {
    dragging(event, false);
    if (!isFiles(event)) return;
    const folder = [...event.dataTransfer.items].some((item) => item.webkitGetAsEntry()?.isDirectory);
    if (folder) fail("Expected one file. Received: a folder. For a DICOM series use lfsr enhance.");
    else take([...event.dataTransfer.files]);
  });
  element("cancel").addEventListener("click", () => running?.abort());
  position.addEventListener("input", movePosition);
  slice.addEventListener("input", showSlice);
  element("previous").addEventListener("click", () => step(-1));
  element("next").addEventListener("click", () => step(1));
  element("brightness").addEventListener("input", setBrightness);
  element("zoom").addEventListener("input", setZoom);
  compare.addEventListener("pointermove", (event) => {
    const side = event.target.closest(".side") ?? compare;
    const box = side.getBoundingClientRect();
    setFocus((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
  element("pixels").addEventListener("change", (event) => compare.classList.toggle("pixels", event.target.checked));
  for (const choice of document.querySelectorAll("input[name=view]")) {
    choice.addEventListener("change", () => {
      compare.dataset.view = choice.value;
      element("line-keys").hidden = choice.value === "beside";
    });
  }
  position.addEventListener("keydown", (event) => {
    const [x, y] = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key] ?? [0, 0];
    if (event.shiftKey && (x || y)) {
      event.preventDefault();
      setFocus(focus.x + x, focus.y + y);
      return;
    }
    const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  compare.addEventListener(
    "wheel",
    (event) => {
      if (!shown || shown.slices === 1 || event.ctrlKey || !event.deltaY) return;
      event.preventDefault();
      step(event.deltaY > 0 ? 1 : -1);
    },
    { passive: false },
  );
})();
