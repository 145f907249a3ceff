/**
 * What a receipt can be checked for while the challenge has no record yet: the platform's signature, and that it is of
 * this challenge. Whether it stands in the record can be said only of a record.
 */
import { fromBase64 } from "./encoding.js";
import { verifyReceipt, verifyWithdrawal } from "./verify.js";

/** Check → what it says, for somebody who has not read docs/sealing.md. */
export const CHECKS_NOW = {
  receipt_signature: "回执上的平台签名有效，内容没有被改动",
  receipt_challenge: "回执属于这个榜单",
};

/** What waits for the opening, in the same words as the page's own checks. */
export const CHECKS_LATER = [
  "您手中的回执在记录里",
  "封存根与全部有效标书一致",
  "开启的正是封存的全部标书",
];

/** `call`: the challenge's call.json. Rows as `verifyRecord` gives them, of the checks above and of no others. */
export async function checkReceipts(call, receipts) {
  const key = fromBase64(call.signing_key);
  const rows = [];
  for (const receipt of receipts) {
    try {
      const body = await (receipt.type === "marketplace-withdrawal/1" ? verifyWithdrawal : verifyReceipt)(receipt, key);
      const subject = `${body.bid} v${body.version}`;
      const same = body.challenge === call.challenge;
      rows.push({ check: "receipt_signature", subject, ok: true, detail: "签名有效。" });
      rows.push({ check: "receipt_challenge", subject, ok: same, detail: same ? "与所选的榜单文件一致。" : "回执属于另一个榜单。" });
    } catch (error) {
      if (!error.code) throw error;
      rows.push({ check: "receipt_signature", subject: "回执", ok: false, detail: error.message });
    }
  }
  const failures = rows.filter((row) => !row.ok);
  return { rows, ok: rows.length > 0 && failures.length === 0, failures, early: true };
}
