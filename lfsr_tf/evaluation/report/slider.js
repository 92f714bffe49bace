"use strict";
// The before/after slider: it reuses the pictures that already stand in the page, and works with mouse and keyboard.
(() => {
  const element = (id) => document.getElementById(id);
  const compare = element("compare");
  if (!compare) return;
  const controls = { case: element("compare-case"), left: element("compare-left"), right: element("compare-right") };
  const position = element("compare-position");

  const picture = (key, panel) =>
    [...document.querySelectorAll("img[data-case]")].find(
      (image) => image.dataset.case === key && image.dataset.panel === panel,
    );

  const show = (target, tag, select) => {
    const source = picture(controls.case.value, select.value);
    target.src = source.src;
    target.alt = source.alt;
    tag.textContent = select.selectedOptions[0].textContent;
  };

  const update = () => {
    show(element("compare-before"), element("compare-left-tag"), controls.left);
    show(element("compare-after"), element("compare-right-tag"), controls.right);
  };
  const move = () => compare.style.setProperty("--position", `${position.value}%`);

  Object.values(controls).forEach((select) => select.addEventListener("change", update));
  position.addEventListener("input", move);
  update();
  move();
  compare.hidden = false;
  element("compare-controls").hidden = false;
})();
