// Small things of the page: print buttons, dialogs, copy buttons, the folded menus of small screens.
document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-print], [data-opens], [data-closes], [data-copies]");
  if (!target) return;
  if (target.dataset.print !== undefined) window.print();
  if (target.dataset.opens) {
    const dialog = document.getElementById(target.dataset.opens);
    if (dialog?.showModal) {
      event.preventDefault();
      dialog.showModal();
    }
  }
  if (target.dataset.closes !== undefined) target.closest("dialog")?.close();
  if (target.dataset.copies) {
    navigator.clipboard?.writeText(target.dataset.copies).then(() => {
      const before = target.textContent;
      target.textContent = "已复制";
      setTimeout(() => { target.textContent = before; }, 2000);
    });
  }
});

document.querySelectorAll("[data-print], [data-copies], [data-script-only]").forEach((element) => {
  element.hidden = false;
});

if (window.matchMedia("(max-width: 960px)").matches) {
  document.querySelectorAll("details.side-menu, details.facets").forEach((element) => element.removeAttribute("open"));
}

// Results swapped in by htmx: tell a screen reader how many there are, keep the focus where it was.
document.body.addEventListener("htmx:afterSwap", (event) => {
  const summary = event.target.querySelector?.("[data-result-count]");
  const voice = document.getElementById("live-region");
  if (summary && voice) voice.textContent = summary.textContent;
});
