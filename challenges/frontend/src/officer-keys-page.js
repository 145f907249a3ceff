/** The officer's page: make a key, prove that the saved file works, renew the proof. Root: #officer-keys. */
import { ask, beijingTime, saveFile } from "../../static/challenges/js/server.js";
import { fromBase64, toBase64 } from "./encoding.js";
import {
  SHORTEST_PASSPHRASE,
  answerPossession,
  createOfficerKey,
  lockKey,
  spokenFingerprint,
  unlockKey,
} from "./officer-keys.js";
import { browserTrouble, button, element, failure, field, newPassphrase, notice, pageData, paragraph, readJson } from "./elements.js";

const root = document.getElementById("officer-keys");
const data = pageData();

const show = (...children) => {
  root.replaceChildren(...children);
};

/** The question is answered here; nothing that was decrypted leaves the browser but its digest. */
async function prove(question, pair) {
  const answer = await answerPossession({
    suite: question.suite,
    officer: question.key,
    blob: fromBase64(question.sealed),
    pair,
  });
  return ask(question.answer_to, { answer: toBase64(answer) });
}

/** File and passphrase; `use(file, pair)` gets the unlocked pair. */
function keyFileForm({ label, action, use, aside = null }) {
  const file = field({ label: "密钥文件", help: "文件名以“开启密钥”开头，扩展名 .json。", control: { type: "file", accept: ".json,application/json" } });
  const passphrase = field({ label: "密钥口令", control: { type: "password", autocomplete: "off" } });
  const told = element("div", { "aria-live": "polite" });
  const submit = button(action, null, { kind: "primary", type: "submit" });
  return element(
    "form",
    {
      class: "form",
      novalidate: true,
      "aria-label": label,
      onsubmit: async (event) => {
        event.preventDefault();
        file.say("");
        passphrase.say("");
        const chosen = file.input.files[0];
        if (!chosen) {
          file.say("请选择密钥文件。");
          file.input.focus();
          return;
        }
        submit.disabled = true;
        told.replaceChildren(paragraph("正在用口令打开密钥文件，约需几秒…", "quiet"));
        try {
          const content = await readJson(chosen, "密钥文件");
          const pair = await unlockKey(content, passphrase.input.value);
          try {
            await use(content, pair, (text) => told.replaceChildren(paragraph(text, "quiet")));
          } finally {
            pair.privateKey.fill(0);
          }
        } catch (error) {
          told.replaceChildren(failure(error));
        } finally {
          submit.disabled = false;
        }
      },
    },
    file,
    passphrase,
    told,
    element("div", { class: "form-actions" }, submit, aside),
  );
}

// -- A new key -------------------------------------------------------------------------------------------------------

function stepOne() {
  const passphrase = newPassphrase({
    label: "为密钥设一句口令",
    help: `至少 ${SHORTEST_PASSPHRASE} 个字符。建议用四五个互不相干的词连成一句，好记难猜。口令不会发给平台，忘记了谁也无法找回。`,
    shortest: SHORTEST_PASSPHRASE,
  });
  const told = element("div", { "aria-live": "polite" });
  const submit = button("生成密钥并下载文件", null, { kind: "primary", type: "submit" });
  const form = element(
    "form",
    {
      class: "form",
      novalidate: true,
      onsubmit: async (event) => {
        event.preventDefault();
        const words = passphrase.read();
        if (words === null) return;
        submit.disabled = true;
        told.replaceChildren(paragraph("正在本机生成密钥…", "quiet"));
        try {
          const pair = await createOfficerKey();
          const file = await lockKey(pair, words);
          pair.privateKey.fill(0);
          stepTwo(file, spokenFingerprint(pair.publicKey));
        } catch (error) {
          told.replaceChildren(failure(error));
          submit.disabled = false;
        }
      },
    },
    passphrase,
    told,
    element("div", { class: "form-actions" }, submit),
  );
  show(steps(1), element("h2", { tabindex: -1 }, "生成新的开启密钥"), form);
}

const steps = (current) =>
  element(
    "ol",
    { class: "stepper" },
    ["设口令、生成密钥", "保存文件和纸质备份", "用保存的文件验证"].map((text, index) =>
      element("li", { class: index + 1 < current ? "done" : null, "aria-current": index + 1 === current ? "step" : null }, text),
    ),
  );

const fileName = (file) => `开启密钥-${file.fingerprint.slice(0, 8)}.json`;

function stepTwo(file, spoken) {
  saveFile(fileName(file), file);
  const heading = element("h2", { tabindex: -1 }, "保存密钥文件");
  show(
    steps(2),
    heading,
    notice("success", `密钥已在本机生成，文件“${fileName(file)}”已交给浏览器下载。平台没有、也得不到这份文件。`),
    element(
      "ol",
      { class: "stack-small" },
      element("li", {}, "把文件存到两个地方：例如单位专用 U 盘，和另一只锁在保险柜里的 U 盘。不要通过微信、邮件发送，不要存网盘。"),
      element("li", {}, "打印纸质备份，密封后交由保管人签收。纸上的密钥同样受口令保护，口令不要写在纸上。"),
      element("li", {}, "记住口令。开启时要同时有文件和口令。"),
    ),
    element("dl", { class: "facts facts-single" }, element("div", {}, element("dt", {}, "密钥指纹"), element("dd", {}, element("code", { class: "fingerprint" }, spoken)))),
    element(
      "div",
      { class: "form-actions" },
      button("文件已存好，下一步", () => stepThree(), { kind: "primary" }),
      button("再下载一次", () => saveFile(fileName(file), file)),
      button("打印纸质备份", () => printPaper(file, spoken)),
    ),
  );
  heading.focus();
}

function printPaper(file, spoken) {
  document.querySelector(".paper-copy")?.remove();
  document.body.append(
    element(
      "section",
      { class: "paper-copy", "aria-hidden": "true" },
      element("h1", {}, "开启密钥纸质备份"),
      paragraph(`持有人：${data.person}　打印时间：${beijingTime(new Date())}`),
      element("h2", {}, "指纹（电话核对时逐组念）"),
      element("p", { class: "paper-fingerprint" }, spoken),
      element("h2", {}, "密钥文件内容（已用口令加密）"),
      element("pre", {}, JSON.stringify(file, null, 1)),
      paragraph("恢复方法：把以上内容逐字录入为文本文件，扩展名 .json，即可与原文件一样使用。请密封保管，不要与口令放在一起。"),
    ),
  );
  document.body.classList.add("prints-paper");
  window.addEventListener("afterprint", () => document.body.classList.remove("prints-paper"), { once: true });
  window.print();
}

function stepThree() {
  const heading = element("h2", { tabindex: -1 }, "用保存的文件验证");
  show(
    steps(3),
    heading,
    paragraph("请选择刚才保存的文件并输入口令。这一步确认文件完好、口令记对；通过后公钥才登记到您的名下。"),
    keyFileForm({
      label: "验证新密钥",
      action: "验证并登记",
      aside: button("重新生成", stepOne, { kind: "text" }),
      use: async (file, pair, say) => {
        say("正在登记公钥并回答验证问题…");
        const question = await ask(data.register, { public_key: file.public_key });
        const result = await prove(question, pair);
        done(result, "密钥已登记并通过验证。");
      },
    }),
  );
  heading.focus();
}

function done(result, text) {
  const heading = element("h2", { tabindex: -1 }, text);
  show(
    element(
      "div",
      { class: "confirmation" },
      heading,
      paragraph(`验证时间 ${beijingTime(result.proven_at)}，七天内有效。`),
      element("code", { class: "fingerprint" }, result.fingerprint.match(/.{4}/g).join(" ")),
      element("p", {}, element("a", { class: "button", href: location.pathname }, "返回我的密钥")),
    ),
  );
  heading.focus();
}

// -- An earlier key ----------------------------------------------------------------------------------------------------

function renew(key) {
  const heading = element("h2", { tabindex: -1 }, "重新验证密钥");
  show(
    heading,
    element("p", {}, "密钥 ", element("code", {}, key.fingerprint.slice(0, 16)), "…　验证确认文件仍然可用、口令没有忘记。发榜前和开启前一天各要做一次。"),
    keyFileForm({
      label: "重新验证密钥",
      action: "验证",
      aside: button("返回", start, { kind: "text" }),
      use: async (file, pair, say) => {
        if (file.fingerprint !== key.fingerprint) {
          throw new Error("这个文件是另一把密钥的，请选择与上面指纹一致的文件。");
        }
        say("正在回答验证问题…");
        done(await prove(await ask(key.question, {}), pair), "验证通过。");
      },
    }),
  );
  heading.focus();
}

function start() {
  show(
    element(
      "div",
      { class: "button-group" },
      button(data.keys.length ? "另外生成一把密钥" : "生成我的开启密钥", stepOne, { kind: data.keys.length ? "" : "primary" }),
      data.keys.map((key) =>
        button(`验证密钥 ${key.fingerprint.slice(0, 8)}`, () => renew(key), { kind: key.recent ? "" : "primary" }),
      ),
    ),
  );
}

const trouble = browserTrouble();
if (trouble) show(trouble);
else start();
