/**
 * Seal one envelope in the browser (docs/sealing.md §1–2): the same file as `python -m challenges.sealing seal` writes.
 * Files are read piece by piece; besides the finished ciphertext only one chunk is held.
 */
import { canonical } from "./canonical.js";
import { concatenate, fromBase64, toBase64, toHex, uint32, uint64, utf8 } from "./encoding.js";
import { SealingError, contextMismatch, limitExceeded, malformed } from "./errors.js";
import { paddedLength } from "./padding.js";
import { checkBrowser, checkSuite, contentKey, digest, encrypt, fingerprint, newDigest, randomBytes, wrapKey } from "./suites.js";

const ENVELOPE_MAGIC = concatenate(utf8("SEALED"), new Uint8Array([0, 1]));
const CONTAINER_MAGIC = concatenate(utf8("BIDBOX"), new Uint8Array([0, 1]));
const PURPOSE = "marketplace-sealed-envelope/1";
const CHUNK_SIZES = { technical: 1 << 20, price: 4096 };
const CONTENT_KEY_LENGTH = 32;
const CONTENT_LENGTH_SIZE = 8;

/** What one envelope may hold; the limits of challenges/sealing/containers.py. */
export const LIMITS = Object.freeze({
  index: 2 << 20,
  attachments: 64,
  attachment: 200 << 20,
  total: 512 << 20,
});

const FORBIDDEN_IN_NAMES = /[/\\\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

function checkName(name) {
  if (!name || name === "." || name === "..") throw malformed("附件名称不能为空。");
  if (utf8(name).length > 255) throw malformed("附件名称过长：不得超过 255 字节。");
  if (FORBIDDEN_IN_NAMES.test(name)) throw malformed("附件名称不能包含路径分隔符、控制字符或不可见字符。");
}

/** `{name, media_type, size}` of each file, in the order given; throws "malformed" or "limit_exceeded". */
export function declareFiles(files) {
  if (files.length > LIMITS.attachments) throw limitExceeded(`附件过多：最多 ${LIMITS.attachments} 个。`);
  const entries = files.map((file) => {
    const name = file.name.normalize("NFC");
    checkName(name);
    if (file.size > LIMITS.attachment) throw limitExceeded(`附件过大：每个不得超过 ${LIMITS.attachment >> 20} MiB。`);
    const type = /^[\x20-\x7e]{1,100}$/.test(file.type) ? file.type : "application/octet-stream";
    return { name, media_type: type, size: file.size };
  });
  if (new Set(entries.map((entry) => entry.name)).size !== entries.length) throw malformed("附件名称重复。");
  if (entries.reduce((sum, entry) => sum + entry.size, 0) > LIMITS.total) {
    throw limitExceeded(`附件总量过大：合计不得超过 ${LIMITS.total >> 20} MiB。`);
  }
  return entries;
}

function checkContext({ challenge, kind, organisation, bid, version }) {
  if (!(kind in CHUNK_SIZES)) throw malformed("信封类型只能是 technical（技术）或 price（报价）。");
  for (const value of [challenge, organisation, bid]) {
    if (typeof value !== "string" || value.length < 1 || value.length > 100 || /\p{C}/u.test(value)) {
      throw malformed("榜单、机构和标书的编号应为 1 至 100 个可显示字符。");
    }
  }
  if (!Number.isInteger(version) || version < 1 || version > 1_000_000) throw malformed("标书版本号应为正整数。");
}

/** The call's public key for this kind, held against the published fingerprint. */
function envelopeKey(call, kind) {
  const entry = call.envelopes.find((candidate) => candidate.kind === kind);
  if (!entry) throw malformed("榜单没有公布这类信封的公钥。");
  const publicKey = fromBase64(entry.public_key);
  if (fingerprint(publicKey) !== entry.fingerprint) {
    throw contextMismatch("信封公钥与公布的指纹不符，请刷新页面；如仍出现，请联系平台。");
  }
  return publicKey;
}

/** Each chunk's nonce carries its number and whether it is the last; the key is used for one envelope only. */
function chunkNonce(number, last) {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(7, number);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

/** Copies the content into chunk after chunk without holding more than one. */
async function* chunksOf(front, files, contentLength, chunkSize) {
  let chunk = new Uint8Array(Math.min(chunkSize, contentLength));
  let filled = 0;
  let given = 0;
  const next = () => {
    given += chunk.length;
    const full = chunk;
    chunk = new Uint8Array(Math.min(chunkSize, contentLength - given));
    filled = 0;
    return full;
  };
  for (let start = 0; start < front.length; ) {
    const piece = front.subarray(start, start + chunk.length - filled);
    chunk.set(piece, filled);
    filled += piece.length;
    start += piece.length;
    if (filled === chunk.length) yield next();
  }
  for (const file of files) {
    for (let start = 0; start < file.size; ) {
      const slice = file.slice(start, Math.min(file.size, start + chunk.length - filled));
      const piece = new Uint8Array(await slice.arrayBuffer());
      if (piece.length !== slice.size) throw malformed(`附件“${file.name}”在读取时被改动，请重新选择。`);
      chunk.set(piece, filled);
      filled += piece.length;
      start += piece.length;
      if (filled === chunk.length) yield next();
    }
  }
  while (given < contentLength) yield next(); // the rest of a chunk, and chunks of nothing else, are zeros
}

/**
 * Seal one envelope.
 *
 * @param {object} options
 * @param {object} options.call  published call: `{suite, challenge, envelopes: [{kind, public_key, fingerprint}]}`
 * @param {string} options.organisation  unified code or public id
 * @param {string} options.bid  public id of the bid
 * @param {number} options.version  version of the bid, from 1
 * @param {"technical"|"price"} options.kind
 * @param {*} options.manifest  JSON value with the answers
 * @param {Blob[]} [options.files]  `File`s, or blobs with a `name`
 * @param {(done: number, total: number) => void} [options.onProgress]  plaintext bytes
 * @param {AbortSignal} [options.signal]
 * @returns {Promise<{blob: Blob, kind: string, sha256: string, size: number}>}
 * @throws {SealingError}
 */
export async function sealEnvelope({
  call,
  organisation,
  bid,
  version,
  kind,
  manifest,
  files = [],
  onProgress,
  signal,
}) {
  checkBrowser();
  checkSuite(call.suite);
  const context = { suite: call.suite, challenge: call.challenge, kind, organisation, bid, version };
  checkContext(context);
  const publicKey = envelopeKey(call, kind);
  const index = utf8(JSON.stringify({ manifest: manifest ?? null, attachments: declareFiles(files) }));
  if (index.length > LIMITS.index) {
    throw limitExceeded(`填报内容过长：编码后不得超过 ${LIMITS.index >> 20} MiB。`);
  }
  const containerFront = concatenate(CONTAINER_MAGIC, uint32(index.length), index);
  const length = containerFront.length + files.reduce((sum, file) => sum + file.size, 0);
  const contentLength = paddedLength(kind, CONTENT_LENGTH_SIZE + length);
  const rawKey = randomBytes(CONTENT_KEY_LENGTH);
  const header = canonical({
    ...context,
    key: fingerprint(publicKey),
    chunk_size: CHUNK_SIZES[kind],
    content_length: contentLength,
    wrapped_key: toBase64(await wrapKey(rawKey, publicKey, canonical({ purpose: PURPOSE, ...context }))),
  });
  const front = concatenate(ENVELOPE_MAGIC, uint32(header.length), header);
  const associated = digest(front);
  const key = await contentKey(rawKey, ["encrypt"]);
  rawKey.fill(0);

  const hash = newDigest().update(front);
  const parts = [front];
  let number = 0;
  let done = 0;
  const contentFront = concatenate(uint64(length), containerFront);
  for await (const chunk of chunksOf(contentFront, files, contentLength, CHUNK_SIZES[kind])) {
    if (signal?.aborted) throw new SealingError("aborted", "加密已取消。");
    done += chunk.length;
    const sealed = await encrypt(key, chunkNonce(number, done === contentLength), chunk, associated);
    hash.update(sealed);
    // A blob per chunk lets the browser move finished ciphertext out of the page's memory.
    parts.push(new Blob([sealed]));
    number += 1;
    onProgress?.(done, contentLength);
  }
  const blob = new Blob(parts, { type: "application/octet-stream" });
  return { blob, kind, sha256: toHex(hash.digest()), size: blob.size };
}

/** Size and SHA-256 of any blob, for comparing a kept envelope with its receipt. */
export async function digestOfBlob(blob) {
  const hash = newDigest();
  for (let start = 0; start < blob.size; start += 1 << 20) {
    hash.update(new Uint8Array(await blob.slice(start, start + (1 << 20)).arrayBuffer()));
  }
  return { size: blob.size, sha256: toHex(hash.digest()) };
}
