/** Check a record and receipts in the reader's own browser; nothing is sent. Root: #verifier. */
import { CHECKS_LATER, CHECKS_NOW, checkReceipts } from "./before-opening.js";
import { badge, browserTrouble, button, element, failure, field, notice, paragraph, readJson } from "./elements.js";
import { verifyRecord } from "./verify.js";

const root = document.getElementById("verifier");

/** Check of the record → what it says, for somebody who has not read docs/sealing.md. */
const CHECKS = {
  format: "文件格式",
  chain: "事件链：没有删改、插入或调换",
  head: "链头签名",
  clock: "数据库时钟的回拨",
  in_office: "参与开启的人员当时在任",
  signing_key: "平台签名公钥前后一致",
  call: "榜单公布的规则和密钥",
  officer_key: "开启人的公钥与指纹",
  envelope_keys: "封标公钥和开启组合",
  bid: "每份标书按规则、在截止前接收",
  one_bid_per_organisation: "每个单位至多一份有效标书",
  freeze: "截止封存的签名",
  root: "封存根与全部有效标书一致",
  receipt: "您手中的回执在记录里",
  opening: "开启的人员、次序和时间",
  opened_envelopes: "开启的正是封存的全部标书",
  opened_envelope: "每份标书的开启结果",
  scores: "评分锁定的次序",
  award: "中榜单位来自已开启的标书",
  anchor: "与当时公布的信息一致",
  draw: "抽取专家的种子与事先的承诺一致",
  evidence: "用了哪些外部证据",
  ...CHECKS_NOW,
};

function group(check, rows) {
  const failed = rows.filter((row) => !row.ok);
  const shown = failed.length ? failed : rows;
  return element(
    "details",
    { class: "disclosure", open: failed.length > 0 || (rows.length === 1 && check === "evidence") },
    element(
      "summary",
      {},
      badge(failed.length ? `${failed.length} 项不通过` : "通过", failed.length ? "danger" : "success"),
      ` ${CHECKS[check] ?? check}`,
      element("span", { class: "quiet small" }, `　${rows.length} 项`),
    ),
    element(
      "div",
      {},
      element(
        "ul",
        { class: "plain-list stack-small small" },
        shown.slice(0, 200).map((row) => element("li", {}, element("code", {}, row.subject), " ", row.detail || (row.ok ? "符合。" : "不符合。"))),
      ),
      shown.length > 200 ? paragraph(`只列出前 200 项，共 ${shown.length} 项。`, "quiet small") : null,
    ),
  );
}

function laterNotice() {
  return notice(
    "info",
    element("strong", {}, "开启之后才能核对"),
    paragraph("榜单还没有开启，没有完整记录，下面这些现在不能判断。开启后请从榜单页面下载完整记录，再核对一次。"),
    element("ul", {}, CHECKS_LATER.map((text) => element("li", {}, text))),
  );
}

function headline(report) {
  if (!report.ok) return `${report.failures.length} 项不通过`;
  return report.early ? "回执的签名有效；其余要在开启后核对" : "全部通过";
}

function show(report, seconds, out) {
  const groups = new Map();
  report.rows.forEach((row) => groups.set(row.check, [...(groups.get(row.check) ?? []), row]));
  const ordered = [...groups].sort(([, left], [, right]) => Number(left.every((row) => row.ok)) - Number(right.every((row) => row.ok)));
  const heading = element("h2", { tabindex: -1 }, headline(report));
  out.replaceChildren(
    element(
      "div",
      { class: report.ok ? "notice notice-success" : "notice notice-danger" },
      element("div", {}, heading, paragraph(`共核对 ${report.rows.length} 项，用时 ${seconds.toFixed(1)} 秒。`), report.ok ? null : paragraph("记录与它自己、与您的回执或与公布的信息不一致。请保存记录和回执，联系组织单位和监督部门。")),
    ),
    ...ordered.map(([check, rows]) => group(check, rows)),
    ...(report.early ? [laterNotice()] : []),
  );
  heading.focus();
}

function start() {
  const record = field({
    label: "榜单记录或榜单文件",
    help: "开启后：榜单页面“下载完整记录”得到的 record.json。开启前：榜单页面的 call.json，只能核对回执的签名。",
    control: { type: "file", accept: ".json,application/json" },
  });
  const receipts = field({ label: "我的回执", optional: true, help: "可同时选择多个回执或撤回确认。", control: { type: "file", accept: ".json,application/json", multiple: true } });
  const anchors = {
    root: field({ label: "截止时抄下的封存根", optional: true, help: "截止时榜单页面公布的 64 位十六进制字符。", control: { class: "code", spellcheck: "false" } }),
    signingKey: field({ label: "平台签名公钥指纹", optional: true, control: { class: "code", spellcheck: "false" } }),
    heads: field({ label: "抄下的链头", optional: true, help: "每行一个。", control: { multiline: true, rows: 2, class: "code", spellcheck: "false" } }),
  };
  const out = element("div", { class: "stack", "aria-live": "polite" });
  const submit = button("开始核对", null, { kind: "primary", type: "submit" });
  root.replaceChildren(
    element(
      "form",
      {
        class: "form",
        novalidate: true,
        onsubmit: async (event) => {
          event.preventDefault();
          record.say("");
          const chosen = record.input.files[0];
          if (!chosen) {
            record.say("请选择 record.json 或 call.json。");
            record.input.focus();
            return;
          }
          submit.disabled = true;
          out.replaceChildren(paragraph("正在核对…", "quiet"));
          try {
            const content = await readJson(chosen, "JSON 文件");
            const brought = await Promise.all([...receipts.input.files].map((file) => readJson(file, "回执")));
            const started = performance.now();
            const words = (name) => anchors[name].input.value.trim().toLowerCase();
            const isCall = content && typeof content === "object" && !("chain" in content) && "signing_key" in content;
            if (isCall && brought.length === 0) throw new Error("榜单还没有完整记录。开启前请同时选择您的回执，核对它的签名。");
            const report = isCall
              ? await checkReceipts(content, brought)
              : await verifyRecord(
                  { ...content, receipts: brought },
                  { root: words("root") || undefined, signingKey: words("signingKey") || undefined, heads: words("heads").split(/\s+/).filter(Boolean) },
                );
            show(report, (performance.now() - started) / 1000, out);
          } catch (error) {
            out.replaceChildren(failure(error));
          } finally {
            submit.disabled = false;
          }
        },
      },
      record,
      receipts,
      element("details", { class: "disclosure" }, element("summary", {}, "截止时另外抄下的信息（更有力的证据）"), element("div", { class: "stack" }, Object.values(anchors))),
      element("div", { class: "form-actions" }, submit),
    ),
    out,
  );
}

const trouble = browserTrouble();
if (trouble) root.replaceChildren(trouble, notice("info", "也可以用命令行核对：python -m challenges.sealing verify record.json"));
else start();
