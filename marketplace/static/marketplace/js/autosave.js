// Saves a draft some seconds after a change and when a field is left. A conflict or an expired session is shown, and
// what was typed stays in the page. Attributes of the form: data-autosave (URL), a hidden field "version".
//
// Several forms of one page save themselves each: whoever presses the button of one takes the others' words along first.
const DELAY = 6000;
const watched = [];

function watch(form) {
  const state = form.querySelector("[data-save-state]");
  let timer = 0;
  let dirty = false;
  let saving = null;
  let stopped = false;

  const show = (kind, text) => {
    if (!state) return;
    state.dataset.state = kind;
    state.textContent = text;
  };

  async function save() {
    clearTimeout(timer);
    if (!dirty || stopped) return;
    if (saving) {
      await saving;
      if (!dirty) return;
    }
    dirty = false;
    show("saving", "正在保存…");
    const request = fetch(form.dataset.autosave, {
      method: "POST",
      body: new FormData(form),
      headers: { "X-Requested-With": "fetch", Accept: "application/json" },
      redirect: "manual",
    });
    saving = request
      .then(async (response) => {
        if (response.type === "opaqueredirect" || response.status === 401 || response.status === 403) {
          throw new Error("登录已过期，尚未保存。请在新窗口登录，再回到本页继续，已填内容不会丢失");
        }
        const answer = await response.json();
        if (response.status === 409) {
          stopped = true;
          show("conflict", answer.message);
          return;
        }
        if (!response.ok) throw new Error(answer.message);
        const version = form.elements.namedItem("version");
        if (version && answer.version) version.value = answer.version;
        form.dispatchEvent(new CustomEvent("autosaved"));
        show("saved", `已于 ${answer.saved_at} 保存`);
      })
      .catch((error) => {
        dirty = true;
        show("failed", `未能保存：${error.message || "网络不通，将自动重试"}`);
        timer = setTimeout(save, 15000);
      })
      .finally(() => {
        saving = null;
      });
    await saving;
  }

  const changed = () => {
    dirty = true;
    form.dataset.changed = "";
    if (!stopped) show("pending", "有未保存的修改");
    clearTimeout(timer);
    timer = setTimeout(save, DELAY);
  };
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("focusout", (event) => {
    if (event.relatedTarget?.closest("button")) return;
    if (dirty && !form.contains(event.relatedTarget)) save();
    else if (dirty && event.target.matches("textarea, input, select")) save();
  });
  // A save on its way would make the button's own post look like somebody else's: let it arrive first.
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    const under = [saving, ...watched.filter((one) => one.form !== form).map((one) => one.settled())].filter(Boolean);
    if (under.length === 0) {
      stopped = true;
      return;
    }
    event.preventDefault();
    const button = event.submitter;
    Promise.all(under).then(() => {
      const held = watched.find((one) => one.form !== form && one.unsaved());
      if (held) {
        show("failed", "本页另一处填写的内容未能保存，请先处理那里的提示");
        held.form.scrollIntoView({ block: "center" });
        return;
      }
      form.requestSubmit(button);
    });
  });
  // A promise while something of this form is not saved yet, else null.
  watched.push({ form, settled: () => (dirty && !stopped ? save() : saving), unsaved: () => dirty });
  form.addEventListener("autosaved", () => {
    if (!dirty) delete form.dataset.changed;
  });
}

document.querySelectorAll("form[data-autosave]").forEach(watch);
