// Select rows of a table: data-selectable on the form; checkboxes named by data-selectable.
document.querySelectorAll("[data-selectable]").forEach((form) => {
  const boxes = () => [...form.querySelectorAll(`input[type="checkbox"][name="${form.dataset.selectable}"]`)];
  const all = form.querySelector("[data-select-all]");
  const count = form.querySelector("[data-selected-count]");
  const update = () => {
    const rows = boxes();
    const chosen = rows.filter((box) => box.checked);
    rows.forEach((box) => box.closest("tr")?.setAttribute("aria-selected", String(box.checked)));
    if (count) count.textContent = String(chosen.length);
    if (all) {
      all.checked = rows.length > 0 && chosen.length === rows.length;
      all.indeterminate = chosen.length > 0 && chosen.length < rows.length;
    }
  };
  all?.addEventListener("change", () => {
    boxes().forEach((box) => {
      box.checked = all.checked;
    });
    update();
  });
  form.addEventListener("change", update);
  update();
});
