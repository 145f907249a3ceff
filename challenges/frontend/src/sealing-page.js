/**
 * The bidder's page: write, check, seal, hand in. Nothing of the bid leaves the browser unencrypted. Root: #sealing.
 * What is written: bid-sections.js. Where drafts go: draft-keeper.js. Rules: bid-rules.js.
 */
import {
  Unreachable,
  ask,
  beijingTime,
  forgetHandIn,
  handIn,
  pendingHandIn,
  retried,
  saveFile,
  upload,
} from "../../static/challenges/js/server.js";
import { SECTIONS, checkSection, emptyBid, manifestOf, priceOf, problemsOf, statusOf } from "./bid-sections.js";
import { DraftKeeper, forgetLocalCopy, localCopy } from "./draft-keeper.js";
import { SHORTEST_PASSPHRASE, decryptDraft, deriveDraftKey } from "./draft.js";
import { fromBase64 } from "./encoding.js";
import {
  badge,
  browserTrouble,
  button,
  element,
  failure,
  field,
  list,
  newPassphrase,
  notice,
  pageData,
  paragraph,
  progress,
  sizeText,
} from "./elements.js";
import { sealEnvelope } from "./sealing.js";
import { bodyDigest, verifyReceipt } from "./statements.js";

const root = document.getElementById("sealing");
const addresses = root.dataset;
const data = pageData();
const { call, organisation } = data;
const place = `${call.challenge}:${organisation.id}`;
const binding = { challenge: call.challenge, organisation: organisation.id };

const saveState = element("span", { class: "save-state", role: "status" });
const body = element("div", { class: "stack" });
let bid = emptyBid(organisation, call);
let files = [];
let keeper = null;
let changedUnkept = false;
let opened = false;
let handingIn = false;

const showState = (kind, text) => {
  saveState.dataset.state = kind;
  saveState.textContent = text;
};

function changed() {
  if (keeper) keeper.changed(bid);
  else changedUnkept = true;
}

function show(...children) {
  body.replaceChildren(...children.flat().filter(Boolean));
  const heading = body.querySelector("h2[tabindex]");
  heading?.focus({ preventScroll: true });
  root.scrollIntoView({ block: "start" });
}

const titled = (text) => element("h2", { tabindex: -1 }, text);

// -- The draft's passphrase --------------------------------------------------------------------------------------------

async function gate() {
  const kept = await localCopy(place);
  const unsent = kept && !kept.saved ? kept : null;
  const stored = unsent?.ciphertext || data.draft.ciphertext;
  if (stored) openDraft(stored, unsent);
  else newDraft();
}

function newDraft(startingOver = false) {
  const passphrase = newPassphrase({
    label: "草稿口令",
    help: `至少 ${SHORTEST_PASSPHRASE} 个字符。草稿在本机用口令加密后才保存到平台，平台看不到内容，也不保存口令：忘记口令谁也无法找回，草稿只能重新填写（已提交的标书不受影响）。需要一起填写的同事用同一口令打开；请当面或打电话告诉他们，不要写在站内信里。`,
    shortest: SHORTEST_PASSPHRASE,
  });
  const told = element("div", { "aria-live": "polite" });
  const submit = button("设定口令，开始填写", null, { kind: "primary", type: "submit" });
  show(
    titled("先为草稿设一句口令"),
    startingOver ? notice("warning", "重新开始后，第一次自动保存会替换平台上打不开的旧草稿。") : null,
    element(
      "form",
      {
        class: "form",
        novalidate: true,
        onsubmit: async (event) => {
          event.preventDefault();
          const words = passphrase.read();
          if (words === null) return;
          submit.disabled = true;
          told.replaceChildren(paragraph("正在准备…", "quiet"));
          await keep(await deriveDraftKey(words), words, data.draft.revision);
          taskList();
        },
      },
      passphrase,
      told,
      element(
        "div",
        { class: "form-actions" },
        submit,
        button("这次不保存草稿", () => {
          showState("failed", "草稿不会保存，关闭本页即丢失");
          taskList();
        }, { kind: "text" }),
      ),
    ),
  );
}

function keep(key, words, revision) {
  keeper = new DraftKeeper({
    place,
    address: addresses.draft,
    binding,
    key,
    revision,
    onState: showState,
    onConflict: () => conflict(words),
  });
}

function openDraft(stored, unsent) {
  const passphrase = field({ label: "草稿口令", control: { type: "password", autocomplete: "off" } });
  const told = element("div", { "aria-live": "polite" });
  const submit = button("打开草稿", null, { kind: "primary", type: "submit" });
  const when = data.draft.saved_at && data.draft.ciphertext ? `${beijingTime(data.draft.saved_at)} 由${data.draft.saved_by || "同事"}保存。` : "";
  show(
    titled("打开本单位的草稿"),
    unsent ? notice("info", "本机有一份上次网络不通时没有送到平台的草稿，将先打开它。") : null,
    element(
      "form",
      {
        class: "form",
        novalidate: true,
        onsubmit: async (event) => {
          event.preventDefault();
          submit.disabled = true;
          told.replaceChildren(paragraph("正在用口令打开草稿，约需几秒…", "quiet"));
          try {
            const draft = JSON.parse(stored);
            const words = passphrase.input.value;
            const key = await deriveDraftKey(words, draft);
            bid = { ...emptyBid(organisation, call), ...(await decryptDraft(draft, key, binding)) };
            keep(key, words, unsent ? unsent.revision : data.draft.revision);
            if (unsent) {
              taskList();
              keeper.changed(bid);
              await keeper.save();
            } else {
              showState("saved", `草稿已打开。${when}`);
              taskList();
            }
          } catch (error) {
            told.replaceChildren(failure(error));
            submit.disabled = false;
          }
        },
      },
      when && !unsent ? paragraph(when, "quiet") : null,
      passphrase,
      told,
      element(
        "div",
        { class: "form-actions" },
        submit,
        button("忘记口令，重新填写", () => {
          if (window.confirm("口令无法找回，旧草稿将不能再打开。确定重新填写吗？")) {
            forgetLocalCopy(place);
            newDraft(true);
          }
        }, { kind: "text" }),
      ),
    ),
  );
}

/** A colleague saved since: both versions side by side, section by section; nothing is overwritten unseen. */
async function conflict(words) {
  let theirs;
  let draft;
  try {
    ({ draft } = await retried(() => ask(addresses.ticket)));
    const stored = JSON.parse(draft.ciphertext);
    const key = await deriveDraftKey(words, stored);
    theirs = { ...emptyBid(organisation, call), ...(await decryptDraft(stored, key, binding)) };
    keeper.key = key;
  } catch (error) {
    show(
      titled("同事已保存了更新的草稿"),
      failure(error, "同事的草稿打不开，可能用了另一句口令。"),
      paragraph("您填写的内容仍在本页。请与同事商定口令后刷新页面；要保留您的内容，请先复制到别处。"),
      element("div", { class: "form-actions" }, button("回到我填写的内容", () => taskList())),
    );
    return;
  }
  const differing = SECTIONS.filter((section) => section.keys && section.keys.some((key) => JSON.stringify(bid[key]) !== JSON.stringify(theirs[key])));
  const settle = (choices) => {
    differing.forEach((section) => {
      if (choices.get(section.name) === "theirs") section.keys.forEach((key) => (bid[key] = theirs[key]));
    });
    keeper.resume(draft.revision, bid);
    taskList();
  };
  if (differing.length === 0) {
    settle(new Map());
    return;
  }
  show(
    titled("同事已保存了更新的草稿"),
    notice("warning", `${draft.saved_by || "同事"}在 ${beijingTime(draft.saved_at)} 保存过。以下部分两边不同，请逐项选择保留哪一份；选择之前什么都不会被覆盖。`),
    element(
      "form",
      {
        class: "stack",
        onsubmit: (event) => {
          event.preventDefault();
          settle(new Map(new FormData(event.target)));
        },
      },
      differing.map((section) =>
        element(
          "fieldset",
          { class: "field panel" },
          element("legend", { class: "visually-hidden" }, section.title),
          element("div", { class: "panel-head" }, element("h3", {}, section.title)),
          element(
            "div",
            { class: "panel-body grid-2" },
            [["mine", "我的", bid], ["theirs", "同事的", theirs]].map(([value, label, version]) =>
              element(
                "div",
                { class: "stack-small" },
                element("div", { class: "choice" }, element("input", { type: "radio", name: section.name, value, id: `${section.name}-${value}`, checked: value === "mine" }), element("label", { for: `${section.name}-${value}` }, `保留${label}`)),
                section.summary(version, call, []),
              ),
            ),
          ),
        ),
      ),
      element("div", { class: "form-actions" }, button("按所选内容继续", null, { kind: "primary", type: "submit" })),
    ),
  );
}

// -- The task list -----------------------------------------------------------------------------------------------------

const TONES = { 未开始: "", 填写中: "brand", 有问题: "warning", 已完成: "success" };

const go = (name) => {
  location.hash = name;
};

/** The overview; the page's own addresses (#members, #check …) work from the first one on. */
function taskList() {
  opened = true;
  if (location.hash && location.hash !== "#list") history.replaceState(null, "", "#list");
  const problems = problemsOf(bid, call);
  const done = SECTIONS.filter((section) => section.keys && statusOf(section, bid, problems) === "已完成").length;
  const needed = SECTIONS.filter((section) => section.keys && !section.optional).length;
  const meter = progress("填写进度");
  meter.set(done, needed, `${done} / ${needed} 节完成`);
  show(
    titled("标书内容"),
    data.reasons.length ? notice("warning", element("strong", {}, "目前还不能提交："), list(data.reasons.map((reason) => reason.message))) : null,
    meter,
    element(
      "ul",
      { class: "task-list" },
      SECTIONS.map((section) => {
        const status = section.name === "files" ? filesStatus() : statusOf(section, bid, problems);
        return element(
          "li",
          {},
          element("div", {}, element("a", { href: `#${section.name}` }, section.title), element("span", { class: "hint" }, section.hint)),
          section.name === "files" ? badge(status, files.length ? "success" : "") : badge(status, TONES[status]),
        );
      }),
    ),
    element("div", { class: "form-actions" }, button("核对并封标", () => go("check"), { kind: "primary" })),
  );
}

function filesStatus() {
  if (files.length) return `${files.length} 个文件`;
  return bid.file_names.length ? "需重新选择" : "未选择";
}

function section(current) {
  const index = SECTIONS.indexOf(current);
  const following = SECTIONS[index + 1];
  const problems = checkSection(current, problemsOf(bid, call));
  const visited = bid.visited.includes(current.name);
  if (!visited) bid.visited = [...bid.visited, current.name];
  const next = () => {
    keeper?.save();
    go(following ? following.name : "check");
  };
  show(
    element("p", { class: "small" }, element("a", { href: "#list" }, "← 返回标书内容")),
    titled(current.title),
    visited && problems.length ? notice("warning", element("strong", {}, "本节还需要："), list(problems.map((one) => one.message))) : null,
    element(
      "form",
      {
        class: "form",
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          next();
        },
        onfocusout: (event) => {
          if (event.target.matches("input, textarea")) keeper?.save();
        },
      },
      current.form({ bid, call, organisation, changed, files, setFiles }),
      element("div", { class: "form-actions" }, button(following ? "保存，下一节" : "保存，去核对", null, { kind: "primary", type: "submit" }), button("返回标书内容", () => go("list"))),
    ),
  );
}

function setFiles(chosen) {
  files = chosen;
  bid.file_names = chosen.map((file) => file.name);
  changed();
}

// -- Checking ----------------------------------------------------------------------------------------------------------

function check() {
  const problems = problemsOf(bid, call);
  const lost = bid.file_names.filter((name) => !files.some((file) => file.name === name));
  const summary = element(
    "div",
    { class: "error-summary", id: "error-summary", tabindex: -1, role: "alert" },
    element("h2", {}, "还不能封标"),
    element(
      "ul",
      {},
      data.reasons.map((reason) => element("li", {}, reason.message)),
      problems.map((one) => element("li", {}, element("a", { href: `#${SECTIONS.find((section) => section.fields?.includes(one.field)).name}` }, one.message))),
      lost.length ? element("li", {}, element("a", { href: "#files" }, `附件“${lost.join("”“")}”不随草稿保存，请重新选择或移除。`)) : null,
    ),
  );
  const blocked = problems.length > 0 || data.reasons.length > 0 || lost.length > 0;
  const sure = element("input", { type: "checkbox", id: "sure" });
  const sureError = element("p", { class: "field-error", id: "sure_error", hidden: true }, "请先确认。");
  const totals = files.reduce((sum, file) => sum + file.size, 0);
  show(
    element("p", { class: "small" }, element("a", { href: "#list" }, "← 返回标书内容")),
    titled("核对标书"),
    blocked ? summary : null,
    SECTIONS.map((section) =>
      element(
        "section",
        { class: "check-answers", "aria-label": section.title },
        element("header", {}, element("h3", {}, section.title), element("a", { href: `#${section.name}` }, "修改", element("span", { class: "visually-hidden" }, section.title))),
        element("div", { class: "panel-body" }, section.summary(bid, call, files)),
      ),
    ),
    notice(
      "info",
      paragraph("封标后，标书分为技术标书和报价两个信封，各自在本机加密，再上传密文。平台、组织单位和开启人在截止前都无法读取，也看不到有没有单位揭榜。"),
      paragraph(`附件共 ${files.length} 个、${sizeText(totals)}。截止前可以撤回，也可以重新封标替换；以最后一版为准。`),
    ),
    element(
      "div",
      { class: "field", id: "sure-field" },
      sureError,
      element("div", { class: "choice" }, sure, element("label", { for: "sure" }, "我已核对以上内容，并有权代表本单位提交；内容真实，不涉及国家秘密。")),
    ),
    element(
      "div",
      { class: "form-actions" },
      button("封标并提交", () => {
        if (blocked) {
          summary.focus();
          return;
        }
        sureError.hidden = sure.checked;
        document.getElementById("sure-field").classList.toggle("field-invalid", !sure.checked);
        if (!sure.checked) {
          sure.setAttribute("aria-describedby", "sure_error");
          sure.focus();
          return;
        }
        seal();
      }, { kind: "primary" }),
      button("返回标书内容", () => go("list")),
    ),
  );
}

// -- Sealing and handing in ----------------------------------------------------------------------------------------------

const KINDS = { technical: "技术标书", price: "报价" };

/** Trying again with what is in this page cannot help: something else was handed in, changed or closed meanwhile. */
const outdated = (message) => Object.assign(new Error(message), { outdated: true });
const isOutdated = (error) =>
  error.outdated ||
  ["envelope_stale", "call_changed", "bidding_closed"].includes(error.code) ||
  error.reasons?.some((reason) => reason.field === "envelopes");

async function seal() {
  history.replaceState(null, "", "#sealing-now");
  const told = element("div", { "aria-live": "polite", class: "stack-small" });
  const bars = Object.fromEntries(
    Object.entries(KINDS).map(([kind, label]) => [kind, { seal: progress(`加密${label}`), upload: progress(`上传${label}`) }]),
  );
  const again = button("重试", () => run(), { kind: "primary" });
  const actions = element("div", { class: "form-actions" }, again, button("返回核对", () => go("check")));
  actions.hidden = true;
  show(
    titled("正在封标"),
    paragraph("请不要关闭本页。加密在本机进行，上传的只是密文。"),
    Object.values(bars).map((pair) => element("div", { class: "panel panel-body stack-small" }, pair.seal, pair.upload)),
    told,
    actions,
  );
  await keeper?.save();
  const done = { sealed: {}, ids: {} };

  async function run() {
    actions.hidden = true;
    told.replaceChildren();
    handingIn = true;
    try {
      const started = performance.now();
      const ticket = await retried(() => ask(addresses.ticket));
      if (ticket.version !== data.version || ticket.bid !== data.bid) {
        throw outdated(`本单位已在另一窗口或由同事提交了第 ${ticket.version - 1} 版。请刷新页面查看回执；如需替换，刷新后重新封标。`);
      }
      if (ticket.call.content_version !== call.content_version || JSON.stringify(ticket.call.envelopes) !== JSON.stringify(call.envelopes)) {
        throw outdated("榜单刚刚有修改。草稿已保存，请刷新页面，核对修改内容后再封标。");
      }
      const contents = { technical: manifestOf(bid), price: priceOf(bid) };
      for (const kind of Object.keys(KINDS)) {
        if (done.ids[kind]) continue;
        done.sealed[kind] ??= await sealEnvelope({
          call,
          organisation: organisation.id,
          bid: data.bid,
          version: data.version,
          kind,
          manifest: contents[kind],
          files: kind === "technical" ? files : [],
          onProgress: (count, total) => bars[kind].seal.set(count, total),
        });
        const { blob, sha256 } = done.sealed[kind];
        const answer = await retried(
          () => upload(addresses.upload.replace("KIND", kind), blob, (count, total) => bars[kind].upload.set(count, total)),
          { onWait: (attempt) => bars[kind].upload.set(0, 1, `网络中断，第 ${attempt} 次重试…`) },
        );
        if (answer.sha256 !== sha256) throw new Error("上传的密文与本机加密的不一致，请重试。");
        bars[kind].upload.set(1, 1);
        done.ids[kind] = answer.id;
      }
      told.replaceChildren(paragraph("密文已全部到达，正在提交…", "quiet"));
      root.dataset.sealed = ((performance.now() - started) / 1000).toFixed(2);
      await finish({ envelopes: Object.values(done.ids), content_version: call.content_version }, done.sealed, told);
    } catch (error) {
      if (error instanceof Unreachable) told.replaceChildren(notice("danger", element("strong", {}, error.message), paragraph("已加密和已上传的部分都已保留，请按“重试”继续。")));
      else {
        told.replaceChildren(failure(error, "没有提交成功。"));
        if (error.reasons !== undefined) done.ids = {};
        if (isOutdated(error)) {
          told.append(element("p", {}, element("a", { class: "button button-primary", href: location.pathname }, "刷新页面")));
          again.hidden = true;
        }
      }
      actions.hidden = false;
      (again.hidden ? told.querySelector("a.button") : again).focus();
    } finally {
      handingIn = false;
    }
  }
  await run();
}

async function finish(handed, sealed, told) {
  const onWait = (attempt) => told.replaceChildren(notice("warning", `平台没有答复，正在第 ${attempt} 次询问。提交编号已记在本机，不会重复提交。`));
  const answer = await handIn(addresses.finalise, place, handed, { onWait });
  await showReceipt(answer, sealed);
}

async function showReceipt(answer, sealed) {
  changedUnkept = false;
  const checks = [];
  try {
    await verifyReceipt(answer.receipt, fromBase64(call.signing_key));
    checks.push([true, "签名有效，由榜单公布的平台密钥签发。"]);
  } catch (error) {
    checks.push([false, error.message]);
  }
  const listed = Object.fromEntries(answer.receipt.body.envelopes.map((one) => [one.kind, one]));
  Object.entries(sealed).forEach(([kind, one]) => {
    const same = listed[kind]?.sha256 === one.sha256 && listed[kind]?.size === one.size;
    checks.push([same, `${KINDS[kind]}：回执所列摘要与本机加密的密文${same ? "一致" : "不一致"}。`]);
  });
  const good = checks.every(([ok]) => ok);
  const name = `receipt-${call.code || "bid"}-v${answer.version}.json`;
  saveFile(name, answer.receipt);
  show(
    element(
      "div",
      { class: good ? "confirmation" : "error-summary" },
      titled(good ? "标书已密封提交" : "标书已提交，但回执有问题"),
      element("span", { class: "number" }, `第 ${answer.version} 版`),
      paragraph(`平台接收时间 ${beijingTime(answer.received_at)}（北京时间）`),
    ),
    element(
      "section",
      { class: "panel" },
      element("div", { class: "panel-head" }, element("h3", {}, "回执")),
      element(
        "div",
        { class: "panel-body stack-small" },
        element("ul", { class: "plain-list" }, checks.map(([ok, text]) => element("li", { class: ok ? null : "danger-text" }, `${ok ? "✓" : "✗"} ${text}`))),
        element(
          "dl",
          { class: "facts facts-single" },
          answer.receipt.body.envelopes.map((one) =>
            element("div", {}, element("dt", {}, KINDS[one.kind]), element("dd", {}, sizeText(one.size), element("br"), element("code", { class: "fingerprint" }, one.sha256))),
          ),
          element("div", {}, element("dt", {}, "回执摘要"), element("dd", {}, element("code", { class: "fingerprint" }, bodyDigest(answer.receipt.body)))),
        ),
        paragraph(`回执文件“${name}”已下载，请妥善保存。它证明您在截止前交来的正是这份密文。`),
        element("div", { class: "button-group" }, button("再下载一次", () => saveFile(name, answer.receipt)), button("打印本页", () => window.print())),
      ),
    ),
    element(
      "section",
      { class: "panel" },
      element("div", { class: "panel-head" }, element("h3", {}, "接下来")),
      element(
        "div",
        { class: "panel-body" },
        list([
          `截止（${beijingTime(call.deadline_at)}）前可以替换或撤回，以最后一版为准。`,
          "截止时平台公布封存根，截止后任何人都不能再改。",
          "开启人会同开启后，您可以下载完整记录，与回执核对。",
          "榜单如有实质修改，会通知您重新确认。",
        ]),
        element("p", {}, element("a", { class: "button", href: location.pathname }, "查看我的标书")),
      ),
    ),
  );
}

/** A hand-in that was sent but never answered, from this browser: ask again with the same number. */
function unanswered() {
  const told = element("div", { "aria-live": "polite" });
  const retry = button("查询提交结果", async () => {
    retry.disabled = true;
    try {
      await finish(pendingHandIn(place), {}, told);
    } catch (error) {
      told.replaceChildren(failure(error));
      retry.disabled = false;
      if (!(error instanceof Unreachable) && error.code !== "signed_out") {
        told.append(element("p", {}, button("返回填写", () => gate())));
      }
    }
  }, { kind: "primary" });
  show(
    titled("上次提交没有收到答复"),
    notice("warning", "可能已经提交成功，只是答复没有送到。请先查询：同一提交编号不会重复提交，已经接收的会原样给出回执。"),
    told,
    element("div", { class: "form-actions" }, retry, button("放弃，回到草稿", () => {
      if (!window.confirm("放弃后将重新封标提交。确定吗？")) return;
      forgetHandIn(place);
      gate();
    }, { kind: "text" })),
  );
}

// -- What stands now: withdraw, confirm ------------------------------------------------------------------------------------

/** Show what stands now as the platform has it, without leaving the page: a draft that is open stays open. */
async function refreshStanding() {
  const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("standing");
  if (!answer.ok || !fresh) return;
  document.getElementById("standing").replaceWith(fresh);
  wireStanding();
  heading.textContent = headingText();
}

function tellStanding(...content) {
  document.querySelector("[data-standing-told]").replaceChildren(...content);
}

const heading = element("strong", {});

function headingText() {
  const replaces = document.querySelector("button[data-withdraw]") !== null;
  return replaces ? `正在填写第 ${data.version} 版，提交后替换前一版` : `正在填写第 ${data.version} 版`;
}

function wireStanding() {
  const told = document.querySelector("[data-standing-told]");
  document.querySelector("button[data-withdraw]")?.addEventListener("click", async (event) => {
    if (!window.confirm("撤回后，本单位在本榜单没有有效标书；截止前仍可重新提交。确定撤回吗？")) return;
    event.target.disabled = true;
    try {
      const { confirmation, address } = await ask(addresses.withdraw, {});
      saveFile(`withdrawal-${call.code || "bid"}.json`, confirmation);
      await refreshStanding();
      const done = `已于 ${beijingTime(confirmation.body.withdrawn_at)} 撤回，撤回确认已下载，以后也可以在这里或标书页面再次下载。`;
      tellStanding(notice("success", paragraph(done), element("a", { href: address }, "再次下载撤回确认")));
    } catch (error) {
      told.replaceChildren(failure(error));
      event.target.disabled = false;
    }
  });
  document.querySelector("button[data-reconfirm]")?.addEventListener("click", async (event) => {
    event.target.disabled = true;
    try {
      const { content_version: version } = await ask(addresses.reconfirm, {});
      await refreshStanding();
      tellStanding(notice("success", `已确认：标书按榜单第 ${version} 版继续有效。`));
    } catch (error) {
      told.replaceChildren(failure(error));
      event.target.disabled = false;
    }
  });
}

// -- Start -----------------------------------------------------------------------------------------------------------

function route() {
  if (!opened) return;
  const name = location.hash.slice(1);
  if (name === "sealing-now") return;
  if (name === "check") check();
  else {
    const wanted = SECTIONS.find((one) => one.name === name);
    if (wanted) section(wanted);
    else taskList();
  }
}

window.addEventListener("hashchange", route);
window.addEventListener("beforeunload", (event) => {
  if (keeper?.dirty || keeper?.saving || changedUnkept || handingIn) event.preventDefault();
});

const trouble = browserTrouble();
if (trouble) root.replaceChildren(trouble);
else {
  root.replaceChildren(element("div", { class: "row-between save-bar" }, heading, saveState), body);
  heading.textContent = headingText();
  wireStanding();
  if (pendingHandIn(place)) unanswered();
  else gate();
}
