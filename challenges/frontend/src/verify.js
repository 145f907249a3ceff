/**
 * Judge a challenge's public record in the reader's own browser: the checks of challenges/sealing/verification.py, row
 * for row. The page's own script came from the server too; whoever does not trust that runs the command-line verifier.
 */
import { fromBase64 } from "./encoding.js";
import { checkDraws } from "./draws.js";
import { SealingError } from "./errors.js";
import { fingerprint, subsetIsValid } from "./officer-keys.js";
import {
  ENTRY_FIELDS,
  HEAD,
  RECEIPT,
  bodyDigest,
  checkTime,
  manifestRoot,
  sameNames,
  entryFaults,
  verifyFreeze,
  verifyReceipt,
  verifyStatement,
  verifyWithdrawal,
} from "./statements.js";
import { checkSuite, digestHex } from "./suites.js";

export * from "./statements.js";
export { fromBase64, toBase64, toHex } from "./encoding.js";
export { canonical } from "./canonical.js";
export { digestOfBlob } from "./sealing.js";

const FORMAT = "marketplace-challenge-record/1";
const RECORD_FIELDS = ["format", "challenge", "suite", "signing_key", "chain", "head", "freeze", "freeze_salt"];
const JUDGED = [
  "published",
  "bid_received",
  "bid_withdrawn",
  "frozen",
  "opening_started",
  "officer_replaced",
  "peeled",
  "opened",
  "scores_locked",
  "awarded",
];
/** The database's clock was behind the last link; links carry its time until the clock has caught up. */
const CLOCK_STEPPED = "clock_stepped";
/** Who takes which step of a ceremony (challenges/sealing/officers_check.py). */
const STEPS = { opening_started: ["by", "发起开启"], peeled: ["officer", "解开一层"] };
const TIME_FIELDS = {
  bid_received: "received_at",
  bid_withdrawn: "withdrawn_at",
  frozen: "frozen_at",
  opened: "opened_at",
};
const sameList = (left, right) => JSON.stringify(left) === JSON.stringify(right);
const allDifferent = (values) => new Set(values).size === values.length;

class Report {
  rows = [];

  add(check, subject, ok, passed, failed) {
    this.rows.push({ check, subject: String(subject), ok: Boolean(ok), detail: ok ? passed : failed });
  }

  get ok() {
    return this.rows.length > 0 && this.rows.every((row) => row.ok);
  }

  get failures() {
    return this.rows.filter((row) => !row.ok);
  }
}

/** The record taken apart once; throws for any other form. */
function parse(record) {
  const { receipts: _receipts, ...required } = record;
  if (!sameNames(required, RECORD_FIELDS) || record.format !== FORMAT || typeof record.challenge !== "string") {
    throw new TypeError(FORMAT);
  }
  checkSuite(record.suite);
  for (const entry of record.chain) {
    if (!sameNames(entry, [...ENTRY_FIELDS, "body"])) throw new TypeError("chain");
  }
  const ofKind = (...kinds) =>
    record.chain
      .map((entry, index) => ({ entry, index, body: entry.body }))
      .filter(({ entry, body }) => kinds.includes(entry.kind) && body !== null && typeof body === "object");
  const frozenIndex = ofKind("frozen")[0]?.index ?? null;
  const before = ({ index }) => frozenIndex === null || index < frozenIndex;
  const call = () => {
    const body = ofKind("published").filter(before).pop()?.body;
    if (!body) throw new TypeError("published");
    return body;
  };
  const finalBids = () => {
    const final = new Map();
    for (const { entry, body } of ofKind("bid_received", "bid_withdrawn").filter(before)) {
      final.delete(body.bid);
      if (entry.kind === "bid_received") final.set(body.bid, body);
    }
    return final;
  };
  return { raw: record, signingKey: fromBase64(record.signing_key), ofKind, frozenIndex, call, finalBids };
}

async function checkChain({ raw, signingKey }, anchors, report) {
  let previous = null;
  for (const entry of raw.chain) {
    const subject = `#${entry.sequence} ${entry.kind}`;
    const faults = entryFaults(entry, previous);
    const keptBack = entry.body === null && !JUDGED.includes(entry.kind);
    if (!keptBack && bodyDigest(entry.body) !== entry.body_digest) faults.push("内容与摘要不一致，内容被改动");
    const timeField = TIME_FIELDS[entry.kind];
    if (timeField && entry.body?.[timeField] !== entry.at) faults.push("内容中的时间与事件时间不一致");
    report.add("chain", subject, faults.length === 0, "衔接无误，内容与摘要一致。", `${faults.join("；")}。`);
    if (entry.kind === CLOCK_STEPPED) {
      const noted = "数据库时钟曾经回拨，此后的事件沿用前一事件的时间，直到时钟赶上；先后以序号为准。";
      report.add("clock", subject, true, noted, "");
    }
    previous = entry;
  }
  if (previous === null) {
    report.add("chain", raw.challenge, false, "", "记录中没有任何事件。");
    return;
  }
  const body = await verifyStatement(raw.head, HEAD, signingKey);
  const { sequence, head, at } = previous;
  const same = bodyDigest(body) === bodyDigest({ challenge: raw.challenge, sequence, head, at });
  report.add("head", `#${sequence}`, same, "链尾签名有效。", "链尾与签名不一致，可能有事件被删去。");
  const known = new Set(raw.chain.map((entry) => entry.head));
  for (const anchor of anchors.heads ?? []) {
    report.add("anchor", anchor.slice(0, 16), known.has(anchor), "公布的链头仍在链上。", "公布的链头不在链上，历史被改写。");
  }
}

function checkSigningKey({ raw, signingKey, call }, anchors, report) {
  const found = digestHex(signingKey);
  const published = signingKey.length === 32 && call().signing_key === raw.signing_key;
  report.add("signing_key", found.slice(0, 16), published, "签名公钥与榜单公布的一致。", "签名公钥与榜单公布的不一致。");
  if (anchors.signingKey) {
    const same = anchors.signingKey === found;
    report.add("anchor", anchors.signingKey.slice(0, 16), same, "签名公钥与您留存的一致。", "签名公钥与您留存的不一致。");
  }
}

const organisationsOf = (call) => Object.fromEntries(call.officers.map((one) => [one.id, one.organisation]));

function checkCall({ raw, call: callOf }, anchors, report) {
  const call = callOf();
  const same = call.challenge === raw.challenge && call.suite === raw.suite;
  report.add("call", raw.challenge, same, "榜单编号与密码套件一致。", "榜单编号或密码套件与记录不一致。");
  for (const officer of call.officers) {
    const matches = fingerprint(fromBase64(officer.public_key)) === officer.fingerprint;
    report.add("officer_key", officer.id, matches, "开启人员公钥与指纹一致。", "开启人员公钥与指纹不一致。");
  }
  const kinds = call.envelopes.map((envelope) => envelope.kind);
  const known = kinds.length > 0 && allDifferent(kinds) && kinds.every((kind) => ["technical", "price"].includes(kind));
  report.add("envelope_keys", raw.challenge, known, "信封类型无误。", "信封类型有误。");
  const organisations = organisationsOf(call);
  for (const envelope of call.envelopes) {
    const matches = fingerprint(fromBase64(envelope.public_key)) === envelope.fingerprint;
    const subsets = envelope.wrapped.map((wrapped) => wrapped.officers);
    const admissible =
      subsets.length > 0 &&
      allDifferent(subsets.map((subset) => JSON.stringify(subset))) &&
      subsets.every((subset) => subsetIsValid(subset, organisations, call.threshold));
    report.add(
      "envelope_keys",
      envelope.kind,
      matches && admissible,
      "信封公钥与指纹一致，每个开启组合都来自至少两个机构。",
      "信封公钥与指纹不一致，或存在不合规的开启组合。",
    );
  }
}

function checkBids({ raw, ofKind, frozenIndex, call, finalBids }, anchors, report) {
  const deadline = checkTime(call().deadline);
  const kinds = call().envelopes.map((envelope) => envelope.kind).sort();
  const versions = new Map();
  const owners = new Map();
  for (const { entry, index, body } of ofKind("bid_received", "bid_withdrawn")) {
    const received = entry.kind === "bid_received";
    const reasons = [];
    if (body.challenge !== raw.challenge || body.previous_head !== entry.previous_head) {
      reasons.push("不属于本榜单或链上位置不符");
    }
    if (checkTime(entry.at) >= deadline || frozenIndex === null || index > frozenIndex) {
      reasons.push("晚于截止时间或封存之后");
    }
    if (!owners.has(body.bid)) owners.set(body.bid, body.organisation);
    if (owners.get(body.bid) !== body.organisation) reasons.push("同一标书换了机构");
    if (received && !(body.version > (versions.get(body.bid) ?? 0))) reasons.push("版本号没有递增");
    if (!received && body.version !== versions.get(body.bid)) reasons.push("撤回的不是当时的有效版本");
    if (received && !sameList(body.envelopes.map((one) => one.kind), kinds)) reasons.push("信封不齐全");
    if (received && body.suite !== raw.suite) reasons.push("密码套件不一致");
    versions.set(body.bid, body.version);
    report.add("bid", `${body.bid} v${body.version}`, reasons.length === 0, "在截止前按规则接收。", `${reasons.join("；")}。`);
  }
  const single = allDifferent([...finalBids().values()].map((body) => body.organisation));
  report.add("one_bid_per_organisation", raw.challenge, single, "每个机构至多一份有效标书。", "有机构存在多份有效标书。");
}

async function checkFreeze({ raw, signingKey, ofKind, call, finalBids }, anchors, report) {
  const frozen = ofKind("frozen").map(({ body }) => body);
  const body = await verifyFreeze(raw.freeze, signingKey);
  fromBase64(raw.freeze_salt);
  const first = { challenge: raw.challenge, frozen_at: body.frozen_at, salt: raw.freeze_salt };
  const root = manifestRoot(first, [...finalBids().values()]);
  const unique = frozen.length === 1 && bodyDigest(frozen[0]) === bodyDigest(body);
  report.add("freeze", raw.challenge, unique, "封存记录签名有效且唯一。", "封存记录缺失、重复或不一致。");
  report.add(
    "root",
    String(body.root).slice(0, 16),
    body.root === root &&
      body.challenge === raw.challenge &&
      body.suite === raw.suite &&
      checkTime(body.frozen_at) >= checkTime(call().deadline),
    "封存根与全部有效标书一致，且不早于截止时间。",
    "封存根与有效标书不一致，或封存早于截止时间。",
  );
  if (anchors.root) {
    report.add(
      "anchor",
      anchors.root.slice(0, 16),
      anchors.root === body.root,
      "封存根与截止时公布的一致。",
      "封存根与截止时公布的不一致。",
    );
  }
}

async function checkReceipts({ raw, signingKey }, anchors, report) {
  const places = new Map(raw.chain.map((entry) => [`${entry.kind} ${entry.body_digest}`, entry]));
  let number = 0;
  for (const receipt of raw.receipts ?? []) {
    number += 1;
    let subject = `回执 ${number}`;
    try {
      const received = receipt.type === RECEIPT;
      const body = await (received ? verifyReceipt : verifyWithdrawal)(receipt, signingKey);
      subject = `${body.bid} v${body.version}`;
      const place = places.get(`${received ? "bid_received" : "bid_withdrawn"} ${bodyDigest(body)}`);
      const onChain = place !== undefined && place.previous_head === body.previous_head;
      const missing = body.challenge === raw.challenge
        ? "回执有效，但不在链上：标书被删除或改动。"
        : "这张回执属于另一项榜单，与本记录无关：请选择那一项榜单的记录。";
      report.add("receipt", subject, onChain, "回执有效，并在链上。", missing);
    } catch (error) {
      report.add("receipt", subject, false, "", error instanceof SealingError ? error.message : "回执结构不正确。");
    }
  }
}

function peelsPrecede(ofKind, kind, subset, start, end) {
  const positions = ofKind("peeled")
    .filter(({ index }) => index > start && index < end)
    .filter(({ body }) => body.kind === kind && sameList(body.officers, subset))
    .filter(({ body }) => Number.isInteger(body.position) && body.officer === subset[body.position])
    .map(({ body }) => body.position);
  return sameList([...new Set(positions)], [...subset.keys()]);
}

function checkOpening({ raw, ofKind, frozenIndex, call: callOf, finalBids }, anchors, report) {
  const call = callOf();
  const organisations = organisationsOf(call);
  const keys = new Map(call.envelopes.map((envelope) => [envelope.kind, envelope]));
  const locked = ofKind("scores_locked")[0]?.index ?? null;
  const opened = new Map();
  for (const { index, body } of ofKind("opened")) {
    const { kind, officers: subset } = body;
    const reasons = [];
    if (opened.has(kind) || !keys.has(kind)) reasons.push("信封类型未知或重复开启");
    else if (body.fingerprint !== keys.get(kind).fingerprint) reasons.push("开启所用的密钥不是公布的密钥");
    else if (!keys.get(kind).wrapped.some((wrapped) => sameList(wrapped.officers, subset))) {
      reasons.push("开启组合不在公布的组合之内");
    }
    if (!subsetIsValid(subset, organisations, call.threshold)) reasons.push("开启人员不足，或都来自同一机构");
    if (frozenIndex === null || index < frozenIndex) reasons.push("在封存之前开启");
    else if (!peelsPrecede(ofKind, kind, subset, frozenIndex, index)) reasons.push("缺少开启人员逐层解封的记录");
    if (kind === "price" && keys.has("technical") && (locked === null || index < locked)) {
      reasons.push("报价信封在评分锁定之前开启");
    }
    if (!opened.has(kind)) opened.set(kind, index);
    report.add("opening", kind, reasons.length === 0, "由合规的人员在封存之后开启。", `${reasons.join("；")}。`);
    checkOpenedEnvelopes(finalBids(), kind, body.envelopes, report);
  }
  if (opened.size === 0) report.add("opening", raw.challenge, true, "记录中尚无开启环节。", "");
  if (locked !== null && keys.has("technical")) {
    report.add(
      "scores",
      `#${raw.chain[locked].sequence}`,
      opened.has("technical") && opened.get("technical") < locked,
      "评分在技术信封开启之后锁定。",
      "评分锁定早于技术信封开启。",
    );
  }
}

/** Officers in office after a link, with their organisations, given those before it. */
function officesAt(kind, body, offices) {
  if (kind === "published") {
    return new Map(body.officers.filter((one) => one.in_office ?? true).map((one) => [one.id, one.organisation]));
  }
  if (kind !== "officer_replaced") return offices;
  const left = new Map(offices);
  left.delete(body.officer);
  if (body.successor) left.set(body.successor, body.successor_organisation);
  return left;
}

function checkOffices({ ofKind }, anchors, report) {
  let offices = new Map();
  for (const { entry, body } of ofKind(...JUDGED)) {
    offices = officesAt(entry.kind, body, offices);
    const [field, step] = STEPS[entry.kind] ?? [];
    const actor = (field && body[field]) || "";
    if (!actor) continue;
    const right = offices.has(actor) && (body.organisation ?? offices.get(actor)) === offices.get(actor);
    const words = `${step}的人${right ? "当时在任。" : "当时不在任，或不代表任命时的机构：由不在任的人参加了开启。"}`;
    report.add("in_office", `#${entry.sequence} ${actor}`, right, words, words);
  }
}

function checkOpenedEnvelopes(final, kind, envelopes, report) {
  const expected = [...final.values()].flatMap((body) =>
    body.envelopes.filter((one) => one.kind === kind).map((one) => JSON.stringify([body.bid, body.version, one.sha256])),
  );
  const found = envelopes.map((one) => JSON.stringify([one.bid, one.version, one.sha256]));
  report.add(
    "opened_envelopes",
    kind,
    sameList(found.sort(), expected.sort()),
    "开启的正是全部有效标书，密文摘要一致。",
    "开启的信封与有效标书不一致：有遗漏、多出或被替换。",
  );
  for (const one of envelopes) {
    const named = one.result === "opened" || (one.result === "unreadable" && Boolean(one.reason));
    report.add("opened_envelope", `${kind} ${one.bid}`, named, "结果已记录。", "无法读取的信封没有写明原因。");
  }
}

function checkAward({ ofKind, call, finalBids }, anchors, report) {
  const kinds = call().envelopes.map((envelope) => envelope.kind);
  const final = finalBids();
  const readable = new Map(
    ofKind("opened").map(({ body }) => [
      body.kind,
      new Set(body.envelopes.filter((one) => one.result === "opened").map((one) => one.bid)),
    ]),
  );
  const lastOpening = ofKind("opened").pop()?.index ?? -1;
  for (const { entry, index, body } of ofKind("awarded")) {
    const valid =
      body.winners.length > 0 &&
      index > lastOpening &&
      body.winners.every(
        (winner) =>
          final.get(winner.bid)?.organisation === winner.organisation &&
          kinds.every((kind) => readable.get(kind)?.has(winner.bid)),
      );
    report.add(
      "award",
      `#${entry.sequence}`,
      valid,
      "中榜者均为已开启的有效标书。",
      "中榜者不在已开启的有效标书之内，或早于开启。",
    );
  }
}

const CHECKS = {
  chain: checkChain,
  signing_key: checkSigningKey,
  call: checkCall,
  bid: checkBids,
  freeze: checkFreeze,
  receipt: checkReceipts,
  opening: checkOpening,
  in_office: checkOffices,
  award: checkAward,
  draw: checkDraws,
};

/**
 * Every check over an exported record (docs/sealing.md §5); never throws for what the record holds.
 *
 * @param {object} record  `record.receipts` may carry the reader's own receipts
 * @param {{signingKey?: string, root?: string, heads?: string[]}} [anchors]  what the reader noted elsewhere
 * @returns {Promise<{rows: {check, subject, ok, detail}[], ok: boolean, failures: object[]}>}
 */
export async function verifyRecord(record, anchors = {}) {
  const report = new Report();
  let parsed;
  try {
    parsed = parse(record);
  } catch (error) {
    const detail = error instanceof SealingError ? error.message : "记录的结构不正确，或格式版本不受支持。";
    report.add("format", "", false, "", detail);
    return report;
  }
  report.add("format", record.challenge, true, "记录格式受支持。", "");
  for (const [name, check] of Object.entries(CHECKS)) {
    try {
      await check(parsed, anchors, report);
    } catch (error) {
      const detail = error instanceof SealingError ? error.message : "记录中这一部分的结构不正确。";
      report.add(name, record.challenge, false, "", detail);
    }
  }
  const used = [
    ["回执", record.receipts?.length > 0],
    ["签名公钥指纹", anchors.signingKey],
    ["封存根", anchors.root],
    ["链头", anchors.heads?.length > 0],
  ].flatMap(([name, present]) => (present ? [name] : []));
  const alone = "未提供外部证据：只能说明记录自身一致，请附上回执或公布的封存根再核对。";
  report.add("evidence", record.challenge, true, used.length ? `已用外部证据核对：${used.join("、")}。` : alone, "");
  return report;
}
