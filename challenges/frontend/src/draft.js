/**
 * Drafts that the server keeps but cannot read (security.md S5): encrypted here under the bidder's passphrase.
 * A lost passphrase is a lost draft; nobody can help.
 */
import { canonical } from "./canonical.js";
import { concatenate, fromBase64, toBase64, uint64, utf8 } from "./encoding.js";
import { malformed } from "./errors.js";
import { paddedLength } from "./padding.js";
import { decrypt, encrypt, passphraseKey, randomBytes } from "./suites.js";

const FORMAT = "marketplace-draft/1";
const FIELDS = ["cipher", "ciphertext", "format", "kdf", "nonce", "rounds", "salt"];
const ROUNDS = 600_000;
const MOST_ROUNDS = 10_000_000;
export const SHORTEST_PASSPHRASE = 12;

/**
 * The key of one sitting; stretching takes a moment, so keep it while the page is open.
 * With `draft` (a stored value) the key that opens it, without one a fresh key.
 */
export async function deriveDraftKey(passphrase, draft = null) {
  if ([...passphrase].length < SHORTEST_PASSPHRASE) throw malformed(`口令过短：至少 ${SHORTEST_PASSPHRASE} 个字符。`);
  if (draft !== null) checkDraft(draft);
  const salt = draft === null ? randomBytes(16) : fromBase64(draft.salt);
  const rounds = draft === null ? ROUNDS : draft.rounds;
  return { key: await passphraseKey(passphrase, salt, rounds), salt, rounds };
}

function checkDraft(draft) {
  const names = draft && typeof draft === "object" ? Object.keys(draft).sort() : [];
  if (names.join() !== FIELDS.join() || draft.format !== FORMAT) throw malformed("不是草稿，或格式版本不受支持。");
  if (draft.kdf !== "PBKDF2-SHA-256" || draft.cipher !== "AES-256-GCM") throw malformed("草稿的算法不受支持。");
  if (!Number.isInteger(draft.rounds) || draft.rounds < ROUNDS || draft.rounds > MOST_ROUNDS) {
    throw malformed("草稿的迭代次数超出范围。");
  }
}

const associatedData = (front, { challenge, organisation }) => canonical({ ...front, challenge, organisation });

/** `value` (JSON) as the JSON value to store; bound to `{challenge, organisation}`, its length padded. */
export async function encryptDraft(value, draftKey, binding) {
  const text = utf8(JSON.stringify(value));
  const content = new Uint8Array(paddedLength("technical", 8 + text.length));
  content.set(concatenate(uint64(text.length), text));
  const nonce = randomBytes(12);
  const front = {
    format: FORMAT,
    kdf: "PBKDF2-SHA-256",
    rounds: draftKey.rounds,
    salt: toBase64(draftKey.salt),
    cipher: "AES-256-GCM",
    nonce: toBase64(nonce),
  };
  const ciphertext = await encrypt(draftKey.key, nonce, content, associatedData(front, binding));
  return { ...front, ciphertext: toBase64(ciphertext) };
}

/** The value back; "cannot_decrypt" for a wrong passphrase, another binding or a changed draft. */
export async function decryptDraft(draft, draftKey, binding) {
  checkDraft(draft);
  const { ciphertext, ...front } = draft;
  const message = "口令不正确，或草稿已被改动。";
  const associated = associatedData(front, binding);
  const content = await decrypt(draftKey.key, fromBase64(draft.nonce), fromBase64(ciphertext), associated, message);
  const length = Number(new DataView(content.buffer).getBigUint64(0));
  if (length > content.length - 8) throw malformed("草稿已损坏。");
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content.subarray(8, 8 + length)));
}
