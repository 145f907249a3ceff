/** Make both envelope keys of every challenge of a list. Private halves live for an instant, then only wrapped. Root: #envelope-keys. */
import { ask, retried } from "../../static/challenges/js/server.js";
import { createEnvelopeKey, spokenFingerprint } from "./officer-keys.js";
import { fromBase64 } from "./encoding.js";
import { badge, browserTrouble, button, element, failure, notice, pageData, paragraph, progress } from "./elements.js";

const root = document.getElementById("envelope-keys");
const data = pageData();
const rows = new Map();

function challengeList() {
  return element(
    "ul",
    { class: "task-list" },
    data.challenges.map((challenge) => {
      const state = element("span", {}, challenge.done ? badge("已生成", "success") : badge("未生成"));
      rows.set(challenge.id, state);
      return element("li", {}, element("div", {}, challenge.title), state);
    }),
  );
}

async function makeFor(challenge) {
  const keys = [];
  for (const kind of data.kinds) {
    keys.push(
      await createEnvelopeKey({
        suite: data.suite,
        challenge: challenge.id,
        kind,
        officers: data.officers,
        threshold: data.threshold,
      }),
    );
  }
  await retried(() => ask(challenge.store, { keys }));
  challenge.done = true;
}

function start() {
  const told = element("div", { "aria-live": "polite", class: "stack-small" });
  const bar = progress("生成进度");
  bar.hidden = true;
  const action = button("", make, { kind: "primary" });
  const again = button("全部重新生成", () => makeAll(data.challenges));
  again.hidden = !data.challenges.some((challenge) => challenge.done);

  function make() {
    return makeAll(data.challenges.filter((challenge) => !challenge.done));
  }
  function settle() {
    const missing = data.challenges.filter((challenge) => !challenge.done).length;
    action.textContent = missing === data.challenges.length ? "生成本榜单全部封标密钥" : `生成其余 ${missing} 项的封标密钥`;
    action.hidden = missing === 0;
    action.disabled = false;
    again.disabled = false;
    again.hidden = missing === data.challenges.length;
  }
  async function makeAll(challenges) {
    action.disabled = true;
    again.disabled = true;
    bar.hidden = false;
    told.replaceChildren();
    let made = 0;
    const failed = [];
    for (const challenge of challenges) {
      bar.set(made, challenges.length, `${made} / ${challenges.length}`);
      rows.get(challenge.id).replaceChildren(badge("正在生成", "brand"));
      try {
        await makeFor(challenge);
        rows.get(challenge.id).replaceChildren(badge("已生成", "success"));
      } catch (error) {
        rows.get(challenge.id).replaceChildren(badge("没有成功", "danger"));
        failed.push([challenge, error]);
      }
      made += 1;
    }
    bar.set(made, challenges.length, `${made} / ${challenges.length}`);
    if (failed.length) {
      told.replaceChildren(failure(failed[0][1], `${failed.length} 项没有成功，其余已保存。请排除原因后再按一次按钮。`));
    } else {
      told.replaceChildren(
        notice("success", element("p", {}, "全部封标密钥已生成。私钥已从本机内存清除，平台只存有分别加密给各组开启人的副本。"), element("p", {}, element("a", { href: root.dataset.list }, "返回榜单，继续送审"))),
      );
    }
    settle();
  }

  settle();
  root.replaceChildren(
    element("h2", {}, "开启人"),
    element(
      "ul",
      { class: "task-list" },
      data.officers.map((officer) =>
        element("li", {}, element("div", {}, `${officer.name}（${officer.place}）`, element("span", { class: "hint" }, element("code", { class: "fingerprint" }, spokenFingerprint(fromBase64(officer.public_key)))))),
      ),
    ),
    paragraph("生成前请打电话与每位开启人核对指纹：念前四组和后四组即可。指纹不一致就不要生成，并报告平台。", "small"),
    element("h2", {}, "条目"),
    challengeList(),
    bar,
    told,
    element("div", { class: "form-actions" }, action, again),
  );
}

const trouble = browserTrouble();
if (trouble) root.replaceChildren(trouble);
else if (data.challenges.length === 0) root.replaceChildren(notice("info", "榜单中还没有条目。"));
else if (root.dataset.blocked !== undefined) root.replaceChildren(notice("info", "开启人齐备、密钥都验证通过后，再来生成封标密钥。"));
else start();
