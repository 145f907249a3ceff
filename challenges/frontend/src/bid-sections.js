/**
 * The sections of a bid: what is asked, how it is shown again, and the JSON that is sealed (docs/sealing.md §8).
 * A bid as typed: `{members, agreement, answers, plan, route, leader, team, price: {grant, own, items}, visited, file_names}`.
 */
import { bidProblems, codeProblem, fenOf, millionths, normaliseCode, priceProblems, wanText } from "./bid-rules.js";
import { manifestFaults } from "./bid-schema.js";
import { LIMITS, declareFiles } from "./sealing.js";
import { button, element, field, notice, paragraph, sizeText } from "./elements.js";

export const emptyBid = (organisation, call) => ({
  members: [{ name: organisation.name, unified_code: organisation.unified_code, role: "lead", share_percent: "100", task: "" }],
  agreement: Object.fromEntries(call.rules.clauses.map(({ key }) => [key, ""])),
  answers: {},
  plan: "",
  route: "",
  leader: "",
  team: [],
  price: { grant: "", own: "", items: [] },
  visited: [],
  file_names: [],
});

// -- What is sealed ------------------------------------------------------------------------------------------------------

/** Characters nobody typed on purpose and no form takes: they come along when text is pasted. */
// eslint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff\p{Cs}]/gu;

const trimmed = (text) => String(text ?? "").replace(UNSEEN, "").trim();

export function manifestOf(bid) {
  const manifest = {
    members: bid.members.map((member) => ({
      unified_code: normaliseCode(member.unified_code),
      name: trimmed(member.name),
      role: member.role,
      share_percent: trimmed(member.share_percent),
      task: trimmed(member.task),
    })),
    answers: Object.fromEntries(
      Object.entries(bid.answers).map(([sequence, answer]) => [
        sequence,
        { promise: trimmed(answer.promise), evidence: trimmed(answer.evidence) },
      ]),
    ),
    plan: trimmed(bid.plan),
    route: trimmed(bid.route),
    leader: trimmed(bid.leader),
    team: bid.team.filter((person) => trimmed(person.name)).map((person) => ({ name: trimmed(person.name), title: trimmed(person.title) })),
  };
  if (bid.members.length > 1) {
    manifest.agreement = Object.fromEntries(Object.entries(bid.agreement).map(([key, text]) => [key, trimmed(text)]));
  }
  return manifest;
}

export function priceOf(bid) {
  const grant = fenOf(bid.price.grant);
  const own = fenOf(bid.price.own);
  return {
    total_fen: grant === null || own === null ? null : grant + own,
    grant_fen: grant,
    own_fen: own,
    items: bid.price.items
      .filter((item) => trimmed(item.name))
      .map((item) => ({ name: trimmed(item.name), amount_fen: fenOf(item.amount) })),
  };
}

/** Everything that keeps the bid from being sealed; the shared rules and, for items, what only this form knows. */
export function problemsOf(bid, call) {
  const price = priceOf(bid);
  const manifest = manifestOf(bid);
  const problems = [...bidProblems(manifest, call), ...priceProblems(price, call)];
  // An amount that is none is said above in the words of the rule; the rest is what would not be read at the opening.
  problems.push(...manifestFaults("technical", manifest));
  if (!problems.some((one) => one.code === "amount_unreadable") && price.items.every((item) => item.amount_fen !== null)) {
    problems.push(...manifestFaults("price", price).map((one) => ({ ...one, field: "price" })));
  }
  if (bid.members.some((member) => !trimmed(member.name))) {
    problems.push({ code: "required", message: "请填写每个成员单位的名称。", field: "members" });
  }
  if (price.items.some((item) => item.amount_fen === null)) {
    problems.push({ code: "amount_unreadable", message: "预算科目的金额填写不正确。", field: "price" });
  } else if (price.items.length && price.total_fen !== null) {
    const sum = price.items.reduce((total, item) => total + item.amount_fen, 0);
    if (sum !== price.total_fen) {
      problems.push({
        code: "items_sum",
        message: `预算科目合计 ${wanText(sum)}，与总经费 ${wanText(price.total_fen)} 不等。`,
        field: "price",
      });
    }
  }
  return problems;
}

export const checkSection = (section, problems) => problems.filter((one) => section.fields?.includes(one.field));

const NOT_YET = new Set(["required", "clauses_missing", "indicator_unanswered", "amount_unreadable"]);

/** 未开始, 填写中, 有问题 or 已完成. */
export function statusOf(section, bid, problems) {
  const own = checkSection(section, problems);
  if (section.untouched(bid)) return "未开始";
  if (own.length === 0) return "已完成";
  return own.every((one) => NOT_YET.has(one.code)) ? "填写中" : "有问题";
}

// -- Building blocks -----------------------------------------------------------------------------------------------------

const facts = (rows) =>
  element("dl", { class: "facts facts-single" }, rows.map(([term, text]) => element("div", {}, element("dt", {}, term), element("dd", { class: "preserve" }, text || element("span", { class: "missing" }, "未填写")))));

/** Rows that can be added and removed; the focus follows. `row(item, index)` gives a row's content. */
function rowsOf({ items, add, most, addLabel, removeLabel, row, changed, keepFirst = false }) {
  const frame = element("div", { class: "stack" });
  const draw = (focus = null) => {
    const adder = button(addLabel, () => {
      items.push(add());
      changed();
      draw(items.length - 1);
    });
    adder.hidden = items.length >= most;
    frame.replaceChildren(
      ...items.map((item, index) =>
        element(
          "fieldset",
          { class: "field panel sealing-row" },
          element("legend", { class: "visually-hidden" }, `${removeLabel} ${index + 1}`),
          row(item, index),
          keepFirst && index === 0
            ? null
            : button(`移除第 ${index + 1} 项`, () => {
                items.splice(index, 1);
                changed();
                draw(Math.min(index, items.length - 1));
              }, { kind: "text" }),
        ),
      ),
      adder,
    );
    if (focus !== null) (frame.children[focus]?.querySelector("input") ?? adder).focus();
  };
  draw();
  return frame;
}

// -- Members -------------------------------------------------------------------------------------------------------------

function membersForm({ bid, call, changed }) {
  const clauses = element("div", { class: "stack" });
  const total = element("p", { class: "small", "aria-live": "polite" });
  const settle = () => {
    changed();
    const shares = bid.members.map((member) => millionths(member.share_percent));
    const known = shares.every((share) => share !== null);
    const sum = known ? shares.reduce((left, right) => left + right, 0n) : null;
    total.textContent = known ? `份额合计 ${Number(sum) / 1_000_000}%${sum === 100_000_000n ? "" : "，应为 100%"}` : "请填写各单位份额，合计应为 100%。";
    total.classList.toggle("danger-text", sum !== 100_000_000n);
    total.hidden = bid.members.length < 2;
    clauses.hidden = bid.members.length < 2;
  };
  const rows = rowsOf({
    items: bid.members,
    add: () => ({ name: "", unified_code: "", role: "member", share_percent: "", task: "" }),
    most: call.rules.maximum_members + 1,
    addLabel: "增加联合体成员",
    removeLabel: "单位",
    keepFirst: true,
    changed: settle,
    row: (member, index) => [
      element("h3", {}, index === 0 ? "牵头单位（本单位）" : `成员单位 ${index}`),
      element(
        "div",
        { class: "form-row" },
        field({
          label: "单位名称",
          value: member.name,
          control: { readonly: index === 0, maxlength: 100 },
          onInput: (value) => {
            member.name = value;
            settle();
          },
        }),
        field({
          label: "统一社会信用代码",
          value: member.unified_code,
          control: { readonly: index === 0, maxlength: 30, class: "code", spellcheck: "false" },
          problem: index > 0 && member.unified_code ? codeProblem(member.unified_code) : "",
          onInput: (value, say) => {
            member.unified_code = value;
            say(normaliseCode(value).length >= 18 ? codeProblem(value) : "");
            settle();
          },
        }),
        field({
          label: "任务或经费份额（%）",
          value: member.share_percent,
          control: { inputmode: "decimal", maxlength: 10 },
          onInput: (value, say) => {
            member.share_percent = value;
            say(value && millionths(value) === null ? "请填写数字，例如 60 或 33.5。" : "");
            settle();
          },
        }),
      ),
      field({
        label: "承担的任务",
        optional: true,
        value: member.task,
        control: { multiline: true, rows: 2, maxlength: 2000 },
        onInput: (value) => {
          member.task = value;
          settle();
        },
      }),
    ],
  });
  clauses.append(
    element("h3", {}, "联合协议的六项约定"),
    paragraph("各单位签署的联合协议扫描件请放在附件中；这里写明要点。", "quiet small"),
    ...call.rules.clauses.map(({ key, label }) =>
      field({
        label,
        value: bid.agreement[key],
        control: { multiline: true, rows: 2, maxlength: 2000 },
        onInput: (value) => {
          bid.agreement[key] = value;
          changed();
        },
      }),
    ),
  );
  const frame = element("div", { class: "stack" }, paragraph(`独立揭榜只填本单位。联合揭榜时本单位为牵头单位，其他成员最多 ${call.rules.maximum_members} 家。`, "quiet"), rows, total, clauses);
  // Drawing is no change of the bid.
  const quiet = changed;
  changed = () => undefined;
  settle();
  changed = quiet;
  return frame;
}

const membersSummary = (bid, call) => [
  element(
    "ul",
    { class: "plain-list stack-small" },
    bid.members.map((member) =>
      element(
        "li",
        {},
        element("strong", {}, member.name || "（未填名称）"),
        ` ${normaliseCode(member.unified_code)}　${member.role === "lead" ? "牵头" : "参加"}　${member.share_percent || "—"}%`,
        member.task ? element("p", { class: "quiet small preserve" }, member.task) : null,
      ),
    ),
  ),
  bid.members.length > 1 ? facts(call.rules.clauses.map(({ key, label }) => [label, bid.agreement[key]])) : null,
];

// -- Answers -------------------------------------------------------------------------------------------------------------

const answersForm = ({ bid, call, changed }) =>
  call.indicators.map((indicator) => {
    const answer = () => (bid.answers[String(indicator.sequence)] ??= { promise: "", evidence: "" });
    const given = bid.answers[String(indicator.sequence)] ?? {};
    const write = (name) => (value) => {
      answer()[name] = value;
      changed();
    };
    return element(
      "fieldset",
      { class: "field panel sealing-row" },
      element("legend", { class: "visually-hidden" }, `指标 ${indicator.sequence} ${indicator.name}`),
      element("h3", {}, `${indicator.sequence}. ${indicator.name}`),
      paragraph(`榜单要求：${indicator.target}　考核方法：${indicator.method}`, "quiet small"),
      field({ label: "承诺达到", value: given.promise, help: "写明数值和条件，例如“雨雾识别率 97.5%，第三方测试”。", control: { maxlength: 500 }, onInput: write("promise") }),
      field({ label: "依据", optional: true, value: given.evidence, help: "已有的测试报告、试验数据或同类项目。", control: { multiline: true, rows: 3, maxlength: 4000 }, onInput: write("evidence") }),
    );
  });

const answersSummary = (bid, call) =>
  facts(call.indicators.map(({ sequence, name, target }) => [`${name}（${target}）`, [bid.answers[String(sequence)]?.promise, bid.answers[String(sequence)]?.evidence].filter(Boolean).join("\n")]));

// -- Solution, team ------------------------------------------------------------------------------------------------------

const SOLUTION = [
  ["plan", "技术方案", "要解决的关键问题、总体思路、主要工作和进度安排。", 12, 100_000],
  ["route", "技术路线", "采用的方法和先后步骤，与别的路线相比的理由。", 6, 20_000],
];

const solutionForm = ({ bid, changed }) =>
  SOLUTION.map(([name, label, help, rows, maxlength]) =>
    field({
      label,
      help,
      value: bid[name],
      control: { multiline: true, rows, maxlength },
      onInput: (value) => {
        bid[name] = value;
        changed();
      },
    }),
  );

const solutionSummary = (bid) => facts(SOLUTION.map(([name, label]) => [label, bid[name]]));

const teamForm = ({ bid, changed }) => [
  paragraph("姓名只在开启后由有权人员看到；评审时对专家隐去。请不要填写身份证号、手机号。", "quiet"),
  field({
    label: "项目负责人",
    value: bid.leader,
    control: { maxlength: 100, autocomplete: "off", class: "input-medium" },
    onInput: (value) => {
      bid.leader = value;
      changed();
    },
  }),
  element("h3", {}, "团队主要成员"),
  rowsOf({
    items: bid.team,
    add: () => ({ name: "", title: "" }),
    most: 50,
    addLabel: "增加成员",
    removeLabel: "成员",
    changed,
    row: (person) =>
      element(
        "div",
        { class: "form-row" },
        ["name", "title"].map((name) =>
          field({
            label: name === "name" ? "姓名" : "职称或职务、分工",
            value: person[name],
            control: { maxlength: 100 },
            onInput: (value) => {
              person[name] = value;
              changed();
            },
          }),
        ),
      ),
  }),
];

const teamSummary = (bid) => facts([["项目负责人", bid.leader], ["团队", bid.team.map((person) => `${person.name}　${person.title}`).join("\n")]]);

// -- Files ---------------------------------------------------------------------------------------------------------------

function filesForm({ bid, files, setFiles }) {
  const told = element("div", { "aria-live": "polite" });
  const chosenList = element("ul", { class: "task-list" });
  const lost = bid.file_names.filter((name) => !files.some((file) => file.name === name));
  let chosen = [...files];
  const draw = () => {
    chosenList.hidden = chosen.length === 0;
    chosenList.replaceChildren(
      ...chosen.map((file, index) =>
        element("li", {}, element("div", {}, file.name, element("span", { class: "hint" }, sizeText(file.size))), button("移除", () => take(chosen.filter((_one, place) => place !== index)), { kind: "small", "aria-label": `移除 ${file.name}` })),
      ),
    );
  };
  const take = (wanted) => {
    try {
      declareFiles(wanted);
    } catch (error) {
      told.replaceChildren(notice("danger", error.message));
      return;
    }
    told.replaceChildren();
    chosen = wanted;
    setFiles(chosen);
    draw();
  };
  const picker = field({
    label: "选择附件",
    optional: true,
    help: `可多选、可分几次选。每个不超过 ${LIMITS.attachment >> 20} MB，最多 ${LIMITS.attachments} 个，合计不超过 ${LIMITS.total >> 20} MB。请用 PDF、Word、Excel、PPT 或图片；开启时平台才检查类型和病毒，不合规的文件会被拒收并记录。`,
    control: { type: "file", multiple: true },
  });
  picker.input.addEventListener("change", () => {
    take([...chosen, ...picker.input.files]);
    picker.input.value = "";
  });
  draw();
  return [
    paragraph("附件与技术标书封在同一个信封里，不随草稿保存：关闭页面后需要重新选择。报价不要放在附件里。", "quiet"),
    lost.length
      ? notice(
          "warning",
          paragraph(`上次选过、需要重新选择：${lost.join("、")}`),
          button("不再需要这些附件", (event) => {
            setFiles(chosen);
            event.target.closest(".notice").remove();
          }, { kind: "small" }),
        )
      : null,
    picker,
    told,
    chosenList,
  ];
}

const filesSummary = (bid, _call, files) =>
  files.length
    ? element("ul", {}, files.map((file) => element("li", {}, `${file.name}　${sizeText(file.size)}`)))
    : paragraph(bid.file_names.length ? `需要重新选择：${bid.file_names.join("、")}` : "没有附件", "quiet");

// -- Price ---------------------------------------------------------------------------------------------------------------

function priceForm({ bid, call, changed }) {
  const { price } = bid;
  const cap = call.rules.grant_cap_fen;
  const total = element("p", { class: "strong", "aria-live": "polite" });
  const draw = () => {
    const sealed = priceOf(bid);
    total.textContent = sealed.total_fen === null ? "总经费：填写后自动计算" : `总经费：${wanText(sealed.total_fen)}`;
  };
  const money = (label, holder, name, help) =>
    field({
      label,
      help,
      value: holder[name],
      control: { inputmode: "decimal", maxlength: 18, class: "input-short" },
      problem: holder[name] && fenOf(holder[name]) === null ? "请填写数字，单位万元，最多六位小数。" : "",
      onInput: (value, say) => {
        holder[name] = value;
        say(value.trim() && fenOf(value) === null ? "请填写数字，单位万元，最多六位小数。" : "");
        draw();
        changed();
      },
    });
  draw();
  return [
    paragraph("报价单独封在一个信封里，全部评分锁定之后才能开启。", "quiet"),
    money("申请财政资助（万元）", price, "grant", cap === null ? "" : `榜单上限 ${wanText(cap)}。`),
    money("自筹（万元）", price, "own", call.rules.self_funding_percent ? `不低于财政资助的 ${call.rules.self_funding_percent}%。没有时填 0。` : "没有时填 0。"),
    total,
    element("h3", {}, "预算科目", element("span", { class: "field-optional" }, "选填")),
    rowsOf({
      items: price.items,
      add: () => ({ name: "", amount: "" }),
      most: 20,
      addLabel: "增加科目",
      removeLabel: "科目",
      changed: () => {
        draw();
        changed();
      },
      row: (item) =>
        element(
          "div",
          { class: "form-row" },
          field({
            label: "科目",
            value: item.name,
            control: { maxlength: 40 },
            onInput: (value) => {
              item.name = value;
              changed();
            },
          }),
          money("金额（万元）", item, "amount", ""),
        ),
    }),
  ];
}

function priceSummary(bid) {
  const price = priceOf(bid);
  const text = (fen) => (fen === null ? "" : wanText(fen));
  return facts([
    ["总经费", text(price.total_fen)],
    ["申请财政资助", text(price.grant_fen)],
    ["自筹", text(price.own_fen)],
    ...price.items.map((item) => [item.name, text(item.amount_fen)]),
  ]);
}

// -- In order ------------------------------------------------------------------------------------------------------------

/** `fields` are the problem fields a section answers for, `keys` the parts of the bid it writes. */
export const SECTIONS = [
  {
    name: "members",
    title: "揭榜单位与联合体",
    hint: "本单位、成员、份额、联合协议六项约定",
    fields: ["members", "agreement"],
    keys: ["members", "agreement"],
    untouched: (bid) => !bid.visited.includes("members") && bid.members.length === 1,
    form: membersForm,
    summary: membersSummary,
  },
  {
    name: "answers",
    title: "指标响应",
    hint: "对榜单的每项考核指标作出承诺",
    fields: ["answers"],
    keys: ["answers"],
    untouched: (bid) => Object.values(bid.answers).every((answer) => !trimmed(answer.promise) && !trimmed(answer.evidence)),
    form: answersForm,
    summary: answersSummary,
  },
  {
    name: "solution",
    title: "技术方案与路线",
    hint: "怎样做，为什么这样做",
    fields: ["plan", "route"],
    keys: ["plan", "route"],
    untouched: (bid) => !trimmed(bid.plan) && !trimmed(bid.route),
    form: solutionForm,
    summary: solutionSummary,
  },
  {
    name: "team",
    title: "负责人与团队",
    hint: "项目负责人、主要成员",
    fields: ["leader"],
    keys: ["leader", "team"],
    untouched: (bid) => !trimmed(bid.leader) && bid.team.length === 0,
    form: teamForm,
    summary: teamSummary,
  },
  {
    name: "files",
    title: "附件",
    hint: "联合协议、证明材料等；不随草稿保存",
    fields: ["files"],
    keys: null,
    optional: true,
    untouched: (bid) => bid.file_names.length === 0,
    form: filesForm,
    summary: filesSummary,
  },
  {
    name: "price",
    title: "报价",
    hint: "单独成封，评分锁定后才开启",
    fields: ["price"],
    keys: ["price"],
    untouched: (bid) => !trimmed(bid.price.grant) && !trimmed(bid.price.own) && bid.price.items.length === 0,
    form: priceForm,
    summary: priceSummary,
  },
];
