/**
 * An officer's key in the officer's own browser, and envelope keys locked for every admissible group of officers.
 * The counterpart of challenges/sealing/keys.py and officer_files.py; private keys never leave as plain bytes except
 * the one envelope key that the last officer's peel yields.
 */
import { canonical } from "./canonical.js";
import { concatenate, equalBytes, fromBase64, toBase64, utf8 } from "./encoding.js";
import { cannotDecrypt, contextMismatch, invalidSubset, malformed } from "./errors.js";
import {
  checkSuite,
  decrypt,
  digest,
  digestHex,
  encrypt,
  fingerprint,
  generateKeyPair,
  passphraseKey,
  publicKeyOf,
  randomBytes,
  unwrapKey,
  wrapKey,
} from "./suites.js";

export { fingerprint, publicKeyOf };

const LAYER_PURPOSE = "marketplace-envelope-key-layer/1";
const POSSESSION_PURPOSE = "marketplace-officer-possession/1";
const FILE_FORMAT = "marketplace-officer-key/1";
const FILE_FIELDS = ["cipher", "fingerprint", "format", "kdf", "nonce", "public_key", "rounds", "salt", "wrapped"];
export const ROUNDS = 600_000;
const MOST_ROUNDS = 10_000_000;
export const SHORTEST_PASSPHRASE = 12;
const LEAST_ORGANISATIONS = 2;

/** A new officer key pair: `{publicKey, privateKey}`, 32 raw bytes each. */
export const createOfficerKey = () => generateKeyPair();

/** The fingerprint in sixteen groups of four, to be read out over the telephone. */
export const spokenFingerprint = (publicKey) => fingerprint(publicKey).match(/.{4}/g).join(" ");

// -- The key file ----------------------------------------------------------------------------------------------------

/** The pair under a passphrase, as the JSON value that is downloaded. */
export async function lockKey(pair, passphrase) {
  if ([...passphrase].length < SHORTEST_PASSPHRASE) throw malformed(`口令过短：至少 ${SHORTEST_PASSPHRASE} 个字符。`);
  const salt = randomBytes(16);
  const nonce = randomBytes(12);
  const front = {
    format: FILE_FORMAT,
    public_key: toBase64(pair.publicKey),
    fingerprint: fingerprint(pair.publicKey),
    kdf: "PBKDF2-SHA-256",
    rounds: ROUNDS,
    salt: toBase64(salt),
    cipher: "AES-256-GCM",
    nonce: toBase64(nonce),
  };
  const key = await passphraseKey(passphrase, salt, ROUNDS);
  return { ...front, wrapped: toBase64(await encrypt(key, nonce, pair.privateKey, canonical(front))) };
}

/** The pair out of a key file; "cannot_decrypt" for a wrong passphrase or a changed file. */
export async function unlockKey(file, passphrase) {
  const names = file && typeof file === "object" ? Object.keys(file).sort() : [];
  if (names.join() !== FILE_FIELDS.join() || file.format !== FILE_FORMAT) {
    throw malformed("不是开启密钥文件，或格式版本不受支持。");
  }
  if (file.kdf !== "PBKDF2-SHA-256" || file.cipher !== "AES-256-GCM" || !Number.isInteger(file.rounds)) {
    throw malformed("开启密钥文件的算法不受支持。");
  }
  if (file.rounds < ROUNDS || file.rounds > MOST_ROUNDS) throw malformed("开启密钥文件的迭代次数超出范围。");
  const nonce = fromBase64(file.nonce);
  if (nonce.length !== 12) throw malformed("开启密钥文件已损坏。");
  const { wrapped, ...front } = file;
  const key = await passphraseKey(passphrase, fromBase64(file.salt), file.rounds);
  const message = "口令不正确，或密钥文件已被改动。";
  const privateKey = await decrypt(key, nonce, fromBase64(wrapped), canonical(front), message);
  if (privateKey.length !== 32) throw cannotDecrypt(message);
  const publicKey = await publicKeyOf(privateKey);
  if (toBase64(publicKey) !== file.public_key || fingerprint(publicKey) !== file.fingerprint) {
    throw malformed("密钥文件中的公钥与私钥不是一对。");
  }
  return { publicKey, privateKey };
}

// -- Possession ------------------------------------------------------------------------------------------------------

/** The answer (32 bytes) to a possession challenge made for this officer and key. */
export async function answerPossession({ suite, officer, blob, pair }) {
  checkSuite(suite);
  const info = canonical({ purpose: POSSESSION_PURPOSE, suite, officer, key: fingerprint(pair.publicKey) });
  const nonce = await unwrapKey(blob, pair.privateKey, info);
  return digest(concatenate(utf8(POSSESSION_PURPOSE), new Uint8Array(1), nonce));
}

// -- Layers ----------------------------------------------------------------------------------------------------------

/** HPKE `info` of the layer that `officers[position]` peels; `context` is `{suite, challenge, kind, fingerprint}`. */
export function layerInfo(context, officers, position) {
  if (!(position >= 0 && position < officers.length)) throw invalidSubset("开启人员的次序不正确。");
  return canonical({
    purpose: LAYER_PURPOSE,
    suite: context.suite,
    challenge: context.challenge,
    kind: context.kind,
    key: context.fingerprint,
    officers: [...officers],
    position,
  });
}

/** Take one layer off `blob`; "cannot_decrypt" if officer, order, envelope or any byte differs. */
export function peel({ blob, privateKey, context, officers, position }) {
  checkSuite(context.suite);
  return unwrapKey(blob, privateKey, layerInfo(context, officers, position));
}

/** Whether these officer ids may open together; `organisations` maps every appointed officer's id. */
export function subsetIsValid(subset, organisations, threshold) {
  return (
    subset.length === threshold &&
    new Set(subset).size === threshold &&
    subset.every((officer) => Object.keys(organisations).includes(officer)) &&
    new Set(subset.map((officer) => organisations[officer])).size >= LEAST_ORGANISATIONS
  );
}

function combinations(values, size, start = 0) {
  if (size === 0) return [[]];
  const result = [];
  for (let index = start; index <= values.length - size; index += 1) {
    for (const rest of combinations(values, size - 1, index + 1)) result.push([values[index], ...rest]);
  }
  return result;
}

/** Every admissible group in the officers' published order; throws "invalid_subset" as the server does. */
export function validSubsets(officers, threshold) {
  if (threshold !== 2 && threshold !== 3) throw invalidSubset("开启人数只能是 2 或 3。");
  if (officers.length < threshold || officers.length > 5) {
    throw invalidSubset("开启人员的人数应不少于开启人数，且不超过 5 人。");
  }
  if (new Set(officers.map((officer) => officer.id)).size !== officers.length) throw invalidSubset("开启人员重复。");
  if (new Set(officers.map((officer) => officer.public_key)).size !== officers.length) {
    throw invalidSubset("两名开启人员使用了同一把公钥，请各自重新生成。");
  }
  const organisations = Object.fromEntries(officers.map((officer) => [officer.id, officer.organisation]));
  const subsets = combinations(officers.map((officer) => officer.id), threshold).filter((subset) =>
    subsetIsValid(subset, organisations, threshold),
  );
  if (subsets.length === 0) throw invalidSubset("开启人员必须来自至少两个机构。");
  return subsets;
}

/**
 * Wrap a private envelope key for every admissible subset.
 * @returns {Promise<{officers: string[], blob: Uint8Array, layer_digests: string[]}[]>}
 */
export async function wrapForSubsets({ privateKey, officers, threshold, context }) {
  checkSuite(context.suite);
  if (fingerprint(await publicKeyOf(privateKey)) !== context.fingerprint) {
    throw contextMismatch("信封私钥与公布的公钥指纹不符。");
  }
  const publicKeys = new Map(officers.map((officer) => [officer.id, fromBase64(officer.public_key)]));
  const wrapped = [];
  for (const subset of validSubsets(officers, threshold)) {
    let blob = privateKey;
    const digests = [];
    for (let position = threshold - 1; position >= 0; position -= 1) {
      blob = await wrapKey(blob, publicKeys.get(subset[position]), layerInfo(context, subset, position));
      if (position > 0) digests.unshift(digestHex(blob));
    }
    wrapped.push({ officers: subset, blob, layer_digests: digests });
  }
  return wrapped;
}

/**
 * Make one envelope key, wrap it for all groups and forget it.
 * `officers`: `[{id, organisation, public_key (base64), fingerprint}]` in the order that will be published.
 * @returns the JSON value for the server: `{kind, public_key, fingerprint, wrapped: [{officers, blob, blob_sha256,
 * layer_digests}]}`, bytes in base64
 */
export async function createEnvelopeKey({ suite, challenge, kind, officers, threshold }) {
  for (const officer of officers) {
    if (fingerprint(fromBase64(officer.public_key)) !== officer.fingerprint) {
      throw contextMismatch("开启人员的公钥与指纹不符，请刷新页面；如仍出现，请联系平台。");
    }
  }
  const pair = await generateKeyPair();
  try {
    const context = { suite, challenge, kind, fingerprint: fingerprint(pair.publicKey) };
    const wrapped = await wrapForSubsets({ privateKey: pair.privateKey, officers, threshold, context });
    return {
      kind,
      public_key: toBase64(pair.publicKey),
      fingerprint: context.fingerprint,
      wrapped: wrapped.map((one) => ({
        officers: one.officers,
        blob: toBase64(one.blob),
        blob_sha256: digestHex(one.blob),
        layer_digests: one.layer_digests,
      })),
    };
  } finally {
    pair.privateKey.fill(0);
  }
}

/** Whether the peel gave what it had to: an inner layer by its digest, the key by the published fingerprint. */
export async function peelIsRight(wrapped, position, peeled, context) {
  if (position < wrapped.layer_digests.length) return digestHex(peeled) === wrapped.layer_digests[position];
  return peeled.length === 32 && equalBytes(utf8(fingerprint(await publicKeyOf(peeled))), utf8(context.fingerprint));
}
