/** The ceremony: choose who opens, take one's layer off, see what the others have done. Root: #opening. */
import { ask, beijingTime, retried } from "../../static/challenges/js/server.js";
import { fromBase64, toBase64 } from "./encoding.js";
import { peel, unlockKey } from "./officer-keys.js";
import { badge, browserTrouble, button, element, failure, field, list, notice, pageData, paragraph, readJson } from "./elements.js";

const POLL = 2500;
const root = document.getElementById("opening");
const told = element("div", { "aria-live": "polite", class: "stack-small" });
const body = element("div", { class: "stack" });
let ceremony = pageData();
let busy = false;
let shown = "";

const officerOf = (id) => ceremony.officers.find((officer) => officer.id === id);
const nameOf = (id) => {
  const officer = officerOf(id);
  return officer ? `${officer.name}（${officer.capacity}，${officer.organisation}）` : "已不在任的开启人";
};
const mineIn = (officers) => officers.some((id) => officerOf(id)?.mine);

/** What a group that has begun has done so far. */
const begunWords = (subset) => {
  const found = ceremony.begun.find((one) => JSON.stringify(one.officers) === JSON.stringify(subset));
  return found ? `（已解开 ${found.position} 层，接着进行）` : "";
};

// -- Choosing --------------------------------------------------------------------------------------------------------

function chooser(again = false) {
  if (!ceremony.subsets.length) {
    return notice("danger", "没有一组开启人全部在任，现在不能开启。请联系组织单位。");
  }
  const preferred = ceremony.subsets.findIndex(mineIn);
  const options = ceremony.subsets.map((subset, index) => {
    const input = element("input", { type: "radio", name: "subset", id: `s${index}`, value: String(index), checked: index === Math.max(0, preferred) });
    return element("div", { class: "choice" }, input, element("label", { for: `s${index}` }, subset.map(nameOf).join(" → "), begunWords(subset)));
  });
  const submit = button(again ? "换成这一组" : "开始开启", null, { kind: again ? "" : "primary", type: "submit" });
  return element(
    "form",
    {
      class: "form",
      onsubmit: async (event) => {
        event.preventDefault();
        const chosen = ceremony.subsets[Number(new FormData(event.target).get("subset"))];
        submit.disabled = true;
        await act(() => ask(root.dataset.start, { officers: chosen }));
        submit.disabled = false;
      },
    },
    element(
      "fieldset",
      { class: "field" },
      element("legend", {}, "由哪几位开启"),
      element("div", { class: "field-help" }, "按箭头次序依次操作，每人在自己的电脑上打开本页。缺席的人不影响：选一组都在场的即可。已解开的一层不会作废：那一组随时可以接着进行，先完成的一组开启全部标书。"),
      element("div", { class: "choice-list choice-list-single" }, options),
    ),
    element("div", { class: "form-actions" }, submit),
  );
}

// -- One's own layer -------------------------------------------------------------------------------------------------

function myTurn(opening) {
  const officer = officerOf(opening.turn);
  const file = field({ label: "我的密钥文件", control: { type: "file", accept: ".json,application/json" } });
  const passphrase = field({ label: "密钥口令", control: { type: "password", autocomplete: "off" } });
  const state = element("div", { "aria-live": "polite" });
  const submit = button("解开我的一层", null, { kind: "primary", type: "submit" });
  const say = (text) => state.replaceChildren(paragraph(text, "quiet"));
  return element(
    "form",
    {
      class: "form",
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        file.say("");
        const chosen = file.input.files[0];
        if (!chosen) {
          file.say("请选择密钥文件。");
          file.input.focus();
          return;
        }
        submit.disabled = true;
        busy = true;
        say("正在用口令打开密钥文件，约需几秒…");
        try {
          const content = await readJson(chosen, "密钥文件");
          if (content.fingerprint !== officer.fingerprint) {
            throw new Error(`这个文件不是本榜单登记的密钥。应选择指纹以 ${officer.fingerprint.slice(0, 8)} 开头的文件。`);
          }
          const pair = await unlockKey(content, passphrase.input.value);
          const peeled = await peel({
            blob: fromBase64(opening.blob),
            privateKey: pair.privateKey,
            context: { suite: ceremony.suite, challenge: ceremony.challenge, kind: ceremony.kind, fingerprint: ceremony.fingerprint },
            officers: opening.officers,
            position: opening.position,
          });
          pair.privateKey.fill(0);
          const last = opening.position === opening.officers.length - 1;
          say(last ? "最后一层已解开，平台正在开启全部标书，请不要关闭本页…" : "已解开，正在交给平台…");
          const answer = toBase64(peeled);
          peeled.fill(0);
          await act(() => ask(opening.peel, { peeled: answer }));
        } catch (error) {
          state.replaceChildren(failure(error));
        } finally {
          busy = false;
          submit.disabled = false;
        }
      },
    },
    notice("warning", element("strong", {}, "现在轮到您。"), element("p", {}, `请选择指纹以 ${officer.fingerprint.slice(0, 8)} 开头的密钥文件，并输入口令。文件和口令都只在本机使用。`)),
    file,
    passphrase,
    state,
    element("div", { class: "form-actions" }, submit),
  );
}

// -- What has been done ------------------------------------------------------------------------------------------------

function timeline(opening) {
  const done = opening.state === "done";
  return element(
    "ol",
    { class: "timeline" },
    element("li", { class: "done" }, element("span", { class: "what" }, "开始"), element("span", { class: "who" }, beijingTime(opening.started_at))),
    opening.officers.map((id, index) => {
      const finished = done || index < opening.position;
      const current = !finished && opening.state === "running" && index === opening.position;
      return element(
        "li",
        { class: finished ? "done" : current ? "current" : null },
        element("span", { class: "what" }, `第 ${index + 1} 层`),
        element("span", { class: "who" }, nameOf(id), "　", finished ? "已解开" : current ? "正在等待" : "未开始"),
      );
    }),
    element("li", { class: done ? "done" : null }, element("span", { class: "what" }, "开启全部标书"), element("span", { class: "who" }, done ? beijingTime(opening.finished_at) : "")),
  );
}

function result(opening) {
  const unreadable = opening.results.filter((row) => row.result !== "opened");
  return [
    element(
      "div",
      { class: "confirmation" },
      element("h2", { tabindex: -1, id: "opened" }, "已经开启"),
      element("span", { class: "number" }, `${opening.results.length - unreadable.length} / ${opening.results.length}`),
      paragraph(`共 ${opening.results.length} 份，其中 ${unreadable.length} 份没有开启。每份标书的密文摘要都已写入记录。`),
      element("p", {}, element("a", { class: "button", href: root.dataset.after }, "查看揭榜申请")),
    ),
    unreadable.length ? notice("warning", element("strong", {}, "没有开启的标书"), list(unreadable.map((row) => `${row.bid}：${row.reason}`))) : null,
  ];
}

function render() {
  const opening = ceremony.opening;
  const key = JSON.stringify([opening?.id, opening?.state, opening?.position, opening?.turn, Boolean(opening?.blob), ceremony.begun]);
  if (key === shown) return;
  shown = key;
  if (opening === null || opening.state === "failed") {
    body.replaceChildren(...(opening ? [notice("warning", "上一次开启没有完成，请重新开始。")] : []), chooser());
    return;
  }
  if (opening.state === "done") {
    body.replaceChildren(...result(opening).filter(Boolean), timeline(opening));
    document.getElementById("opened").focus();
    return;
  }
  body.replaceChildren(
    element("div", { class: "row" }, badge("进行中", "brand")),
    timeline(opening),
    opening.blob
      ? myTurn(opening)
      : notice("info", `正在等待${nameOf(opening.turn)}在自己的电脑上操作。本页会自动更新，请不要关闭。`),
    element("details", { class: "disclosure" }, element("summary", {}, "有人不能到场，换一组开启人"), element("div", {}, chooser(true))),
  );
}

async function act(step) {
  told.replaceChildren();
  try {
    ceremony = await step();
    render();
  } catch (error) {
    told.replaceChildren(failure(error, "没有完成。"));
    await refresh();
  }
}

async function refresh() {
  try {
    ceremony = await retried(() => ask(root.dataset.state), { attempts: 2 });
    render();
  } catch (error) {
    told.replaceChildren(failure(error));
  }
}

async function poll() {
  if (!busy && ceremony.opening?.state !== "done" && document.visibilityState === "visible") await refresh();
  if (ceremony.opening?.state !== "done") setTimeout(poll, POLL);
}

const trouble = browserTrouble();
if (trouble) root.replaceChildren(trouble);
else {
  root.replaceChildren(told, body);
  render();
  setTimeout(poll, POLL);
}
