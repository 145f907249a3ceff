/**
 * What is wrong with a bid before it is sealed: bid_problems and price_problems of challenges/validators.py, code for
 * code. Both sides run tests/challenges/sealing/bid_rules.json. After sealing nobody can look any more, hence here.
 */
const ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const INNER_WEIGHTS = [3, 7, 9, 10, 5, 8, 4, 2];
const REGISTRARS = "123456789ANY";
const IGNORED = /[\s\-_·•\u200b-\u200f\u2060\ufeff]+/g;
export const HUNDRED_PERCENT = 100;

// -- 统一社会信用代码 (core/unified_code.py) --------------------------------------------------------------------------

/** Half width, capitals, no spaces or hyphens. */
export const normaliseCode = (text) =>
  String(text)
    .replace(/[\uff01-\uff5e]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) - 0xfee0))
    .toUpperCase()
    .replace(IGNORED, "");

const checkCharacter = (body) => {
  const total = [...body].reduce((sum, letter, index) => sum + ALPHABET.indexOf(letter) * WEIGHTS[index], 0);
  return ALPHABET[(31 - (total % 31)) % 31];
};

const innerCheckCharacter = (body) => {
  const total = [...body].reduce((sum, letter, index) => sum + parseInt(letter, 36) * INNER_WEIGHTS[index], 0);
  const remainder = 11 - (total % 11);
  return { 10: "X", 11: "0" }[remainder] ?? String(remainder);
};

/** Why `text` is not a valid code, in words; empty if it is. */
export function codeProblem(text) {
  const code = normaliseCode(text);
  if (/^\d{15}$/.test(code)) return "这是15位的旧注册号，请填写营业执照或登记证书上18位的统一社会信用代码。";
  if ([...code].length !== 18) {
    return `统一社会信用代码应为18位，现在是${[...code].length}位，请核对是否漏填或多填。`;
  }
  const illegal = [...new Set([...code].filter((letter) => !ALPHABET.includes(letter)))].join("、");
  if (illegal) {
    return `统一社会信用代码中不会出现“${illegal}”，请核对（不使用字母 I、O、S、V、Z，容易与数字 1、0、5 混淆）。`;
  }
  if (!REGISTRARS.includes(code[0]) || !/^\d{6}$/.test(code.slice(2, 8))) {
    return "统一社会信用代码的前8位不符合编码规则（第3至8位为行政区划数字），请核对。";
  }
  if (checkCharacter(code.slice(0, 17)) !== code[17]) {
    return "统一社会信用代码的校验位不符，可能有一位填错或两位颠倒，请对照证书核对。";
  }
  if (innerCheckCharacter(code.slice(8, 16)) !== code[16]) {
    return "统一社会信用代码第9至17位（主体标识码）的校验不符，请对照证书核对。";
  }
  return "";
}

// -- Exact decimals --------------------------------------------------------------------------------------------------

const DECIMALS = 6;

/** Millionths of a plain decimal ("12.5"), as BigInt; null for anything else. */
export function millionths(text) {
  const found = /^(\d{1,15})(?:\.(\d{1,6}))?$/.exec(String(text ?? "").trim());
  return found ? BigInt(found[1] + (found[2] ?? "").padEnd(DECIMALS, "0")) : null;
}

/** Fen of an amount typed in 万元, exactly; null if it is no amount or finer than a fen. */
export function fenOf(text) {
  const value = millionths(String(text ?? "").replace(/[,，\s]/g, ""));
  return value === null || value > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(value); // 1 万元 is 1,000,000 fen
}

/** "250.5 万元" of fen. */
export function wanText(fen) {
  const whole = Math.floor(fen / 1_000_000);
  const rest = String(fen % 1_000_000).padStart(6, "0").replace(/0+$/, "");
  return `${whole.toLocaleString("en-US")}${rest ? `.${rest}` : ""} 万元`;
}

// -- The rules -------------------------------------------------------------------------------------------------------

const blank = (value) => !String(value ?? "").trim();
const problem = (code, message, field) => ({ code, message, field });

/** Problems of the technical envelope's manifest under the call's `indicators` and `rules`. */
export function bidProblems(content, call) {
  const members = content.members;
  if (!Array.isArray(members) || members.length === 0) {
    return [problem("members_missing", "没有填写揭榜单位。", "members")];
  }
  const problems = [];
  if (members.filter((member) => member.role === "lead").length !== 1) {
    problems.push(problem("one_lead", "联合体应有且只有一个牵头单位。", "members"));
  }
  const most = call.rules.maximum_members;
  if (members.length - 1 > most) {
    problems.push(problem("too_many_members", `联合体成员（不含牵头单位）不能超过 ${most} 家。`, "members"));
  }
  members.forEach((member) => {
    const trouble = codeProblem(member.unified_code ?? "");
    if (trouble) problems.push(problem("member_code", `“${member.name ?? ""}”：${trouble}`, "members"));
  });
  const codes = members.map((member) => String(member.unified_code ?? ""));
  if (new Set(codes).size !== codes.length) {
    problems.push(problem("member_twice", "同一单位在联合体中出现两次。", "members"));
  }
  if (members.length > 1) problems.push(...consortiumProblems(content, members, call));
  const answers = content.answers ?? {};
  call.indicators.forEach(({ sequence, name }) => {
    if (blank(answers[String(sequence)]?.promise)) {
      problems.push(problem("indicator_unanswered", `没有响应指标“${name}”。`, "answers"));
    }
  });
  Object.entries({ plan: "技术方案", route: "技术路线", leader: "项目负责人" }).forEach(([name, label]) => {
    if (blank(content[name])) problems.push(problem("required", `没有填写“${label}”。`, name));
  });
  return problems;
}

function consortiumProblems(content, members, call) {
  const problems = [];
  const agreement = content.agreement ?? {};
  const missing = call.rules.clauses.filter(({ key }) => blank(agreement[key])).map(({ label }) => label);
  if (missing.length) {
    problems.push(problem("clauses_missing", `联合协议缺少条款：${missing.join("、")}。`, "agreement"));
  }
  const shares = members.map((member) => millionths(member.share_percent));
  const total = shares.some((share) => share === null || share <= 0n) ? null : shares.reduce((sum, share) => sum + share, 0n);
  if (total !== BigInt(HUNDRED_PERCENT) * 1_000_000n) {
    problems.push(problem("shares_sum", "各单位任务或经费份额合计应为 100%。", "members"));
  }
  return problems;
}

/** Problems of the price envelope. */
export function priceProblems(price, call) {
  const amounts = [price.total_fen, price.grant_fen, price.own_fen];
  if (amounts.some((amount) => !Number.isInteger(amount) || amount < 0)) {
    return [problem("amount_unreadable", "请填写报价：“申请财政资助”和“自筹”都要填写，单位万元，不能为负，没有时填 0。", "price")];
  }
  const [total, grant, own] = amounts;
  const { grant_cap_fen: cap, self_funding_percent: percent } = call.rules;
  const problems = [];
  if (total !== grant + own) problems.push(problem("amount_sum", "总经费应等于财政资助与自筹之和。", "price"));
  if (cap !== null && grant > cap) problems.push(problem("grant_above_cap", "申请的财政资助超过榜单上限。", "price"));
  if (BigInt(own) * 100n < BigInt(grant) * BigInt(percent)) {
    problems.push(problem("own_share_low", `自筹与财政资金之比低于 ${percent}%。`, "price"));
  }
  return problems;
}
