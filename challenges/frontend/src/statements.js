/** Ed25519 statements of the platform, and the hash forms that receipts, chain and manifest share (docs/sealing.md). */
import { verifyAsync } from "@noble/ed25519";

import { canonical } from "./canonical.js";
import { concatenate, equalBytes, fromBase64, toHex } from "./encoding.js";
import { invalidSignature, malformed } from "./errors.js";
import { digest, digestHex } from "./suites.js";

export const RECEIPT = "marketplace-receipt/1";
export const WITHDRAWAL = "marketplace-withdrawal/1";
export const FREEZE = "marketplace-freeze/1";
export const HEAD = "marketplace-head/1";
export const GENESIS = "0".repeat(64);

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
export const sameNames = (value, names) => isObject(value) && Object.keys(value).sort().join() === [...names].sort().join();

/** Hex SHA-256 of a value's canonical form. */
export const bodyDigest = (body) => digestHex(canonical(body));

/** The body of a statement of this type, signed by `publicKey` (32 bytes); throws "invalid_signature" otherwise. */
export async function verifyStatement(statement, type, publicKey) {
  if (!sameNames(statement, ["type", "body", "key", "signature"]) || !isObject(statement.body)) {
    throw malformed("签名文件的结构不正确。");
  }
  if (statement.type !== type) throw invalidSignature("签名文件的类型不符。");
  if (statement.key !== digestHex(publicKey)) throw invalidSignature("签名所用的密钥不是公布的平台签名密钥。");
  const data = canonical({ type: statement.type, body: statement.body });
  const signature = fromBase64(statement.signature);
  let valid = false;
  try {
    // The strict rule of RFC 8032, as the server's library has it.
    valid = await verifyAsync(signature, data, publicKey, { zip215: false });
  } catch {
    valid = false; // a signature or key of another form
  }
  if (!valid) throw invalidSignature("签名无效：内容已被改动，或不是平台签发。");
  return statement.body;
}

export const verifyReceipt = (receipt, publicKey) => verifyStatement(receipt, RECEIPT, publicKey);
export const verifyWithdrawal = (confirmation, publicKey) => verifyStatement(confirmation, WITHDRAWAL, publicKey);
export const verifyFreeze = (freeze, publicKey) => verifyStatement(freeze, FREEZE, publicKey);

// -- Chain -----------------------------------------------------------------------------------------------------------

const LINK_FIELDS = ["sequence", "kind", "at", "salt", "body_digest", "previous_head"];
export const ENTRY_FIELDS = [...LINK_FIELDS, "head"];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

/** The text itself, if it is a moment in the one form; such texts sort as time does. */
export function checkTime(text) {
  if (typeof text !== "string" || !TIME.test(text) || Number.isNaN(Date.parse(text))) throw malformed("时间格式不正确。");
  return text;
}

/** Why `entry` is not the link after `previous` (null: the first), each cause in a sentence; [] if it is. */
export function entryFaults(entry, previous) {
  const faults = [];
  const number = previous ? previous.sequence + 1 : 0;
  if (entry.sequence !== number) faults.push(`序号应为 ${number}，有事件被删去、加入或调换`);
  if (entry.previous_head !== (previous ? previous.head : GENESIS)) {
    faults.push("与前一事件不衔接，前一事件被改动或调换");
  }
  if (checkTime(entry.at) < (previous ? previous.at : entry.at)) {
    faults.push(`时间 ${entry.at} 早于前一事件的 ${previous.at}`);
  }
  if (entry.head !== bodyDigest(Object.fromEntries(LINK_FIELDS.map((name) => [name, entry[name]])))) {
    faults.push("链头与本事件的类型、时间或摘要不符，本事件被改动");
  }
  return faults;
}

// -- Merkle tree (RFC 9162 §2.1) -------------------------------------------------------------------------------------

const node = (left, right) => digest(concatenate(new Uint8Array([1]), left, right));

/** Hash of a leaf's bytes. */
export const leafHash = (leaf) => digest(concatenate(new Uint8Array([0]), leaf));

function split(size) {
  let middle = 1;
  while (middle * 2 < size) middle *= 2;
  return middle;
}

/** Root over leaf hashes. */
export function rootOf(hashes) {
  if (hashes.length === 0) return digest(new Uint8Array());
  if (hashes.length === 1) return hashes[0];
  const middle = split(hashes.length);
  return node(rootOf(hashes.slice(0, middle)), rootOf(hashes.slice(middle)));
}

/** The hashes from leaf `index` up to the root, from below. */
export function inclusionProof(hashes, index) {
  if (!(index >= 0 && index < hashes.length)) throw malformed("序号不在树内。");
  if (hashes.length === 1) return [];
  const middle = split(hashes.length);
  const [left, right] = [hashes.slice(0, middle), hashes.slice(middle)];
  return index < middle
    ? [...inclusionProof(left, index), rootOf(right)]
    : [...inclusionProof(right, index - middle), rootOf(left)];
}

/** Whether `proof` shows the leaf at `index` of a tree of `size` leaves with this root. */
export function inclusionIsProved(hashedLeaf, index, size, proof, root) {
  if (!(index >= 0 && index < size)) return false;
  let [number, last, result] = [index, size - 1, hashedLeaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (number % 2 === 1 || number === last) {
      result = node(sibling, result);
      while (number % 2 === 0 && number > 0) {
        number = Math.floor(number / 2);
        last = Math.floor(last / 2);
      }
    } else {
      result = node(result, sibling);
    }
    number = Math.floor(number / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(result, root);
}

/** Hex root over the freeze leaf and the final versions' receipt bodies in order of reception. */
export function manifestRoot({ challenge, frozen_at: frozenAt, salt }, receiptBodies) {
  const first = { challenge, frozen_at: frozenAt, salt };
  return toHex(rootOf([first, ...receiptBodies].map((leaf) => leafHash(canonical(leaf)))));
}
