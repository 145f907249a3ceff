/**
 * The suite the browser speaks. Any other name is refused: the 国密 suite has no implementation in browsers, its bids
 * are sealed with the command-line sealer.
 */
import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { DhkemX25519HkdfSha256, X25519 } from "@hpke/dhkem-x25519";
import { sha256 } from "@noble/hashes/sha2.js";

import { concatenate, toHex } from "./encoding.js";
import { SealingError, cannotDecrypt, malformed } from "./errors.js";

export const SUITE = "X25519-SHA256-AES256GCM-1";
export const KEY_LENGTH = 32;
export const TAG_LENGTH = 16;

// The key exchange is plain JavaScript on purpose: older Chromium-based browsers lack X25519 of their own.
const hpke = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const curve = new X25519(new HkdfSha256());

/** Throws "unknown_suite" unless the browser can speak this suite. */
export function checkSuite(name) {
  if (name !== SUITE) {
    throw new SealingError("unknown_suite", "浏览器不支持该榜单的密码套件，请使用命令行加密工具。");
  }
}

/** Throws where there is no WebCrypto (a page without HTTPS). */
export function checkBrowser() {
  if (!globalThis.crypto?.subtle) {
    throw new SealingError("no_cryptography", "浏览器未提供加密功能：请用 HTTPS 地址访问，或使用命令行加密工具。");
  }
}

export function randomBytes(length) {
  checkBrowser();
  return crypto.getRandomValues(new Uint8Array(length));
}

export const digest = (bytes) => sha256(bytes);
export const digestHex = (bytes) => toHex(sha256(bytes));
export const newDigest = () => sha256.create();

function checkKey(bytes, name) {
  if (!(bytes instanceof Uint8Array) || bytes.length !== KEY_LENGTH) throw malformed(`${name}应为 32 字节。`);
}

/** The points of small order on the curve, little-endian, top bit aside: what is agreed with them everybody knows. */
const LOW_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

function checkPublicKey(bytes) {
  checkKey(bytes, "公钥");
  const masked = bytes.slice();
  masked[KEY_LENGTH - 1] &= 0x7f;
  if (LOW_ORDER.has(toHex(masked))) throw malformed("公钥无效（低阶点，任何人都能解开），请重新生成密钥。");
}

/** Hex SHA-256 of a raw public key; throws "malformed" for one that nothing may be encrypted to. */
export function fingerprint(publicKey) {
  checkPublicKey(publicKey);
  return digestHex(publicKey);
}

/** A fresh X25519 pair as raw bytes. */
export async function generateKeyPair() {
  checkBrowser();
  const pair = await hpke.kem.generateKeyPair();
  return {
    publicKey: new Uint8Array(await hpke.kem.serializePublicKey(pair.publicKey)),
    privateKey: new Uint8Array(await hpke.kem.serializePrivateKey(pair.privateKey)),
  };
}

/** The public half of a raw private key. */
export async function publicKeyOf(privateKey) {
  checkKey(privateKey, "私钥");
  const key = await hpke.kem.importKey("raw", privateKey, false);
  return new Uint8Array(await hpke.kem.serializePublicKey(await curve.derivePublicKey(key)));
}

/** HPKE base mode: encapsulated key, then ciphertext. */
export async function wrapKey(secret, publicKey, info) {
  checkBrowser();
  checkPublicKey(publicKey);
  try {
    const recipientPublicKey = await hpke.kem.importKey("raw", publicKey, true);
    const { enc, ct } = await hpke.seal({ recipientPublicKey, info }, secret);
    return concatenate(new Uint8Array(enc), new Uint8Array(ct));
  } catch {
    throw malformed("公钥无效，不能用于加密。");
  }
}

/** The secret; "cannot_decrypt" if key, context or any byte differs. */
export async function unwrapKey(wrapped, privateKey, info) {
  checkBrowser();
  checkKey(privateKey, "私钥");
  try {
    const recipientKey = await hpke.kem.importKey("raw", privateKey, false);
    const enc = wrapped.slice(0, KEY_LENGTH);
    return new Uint8Array(await hpke.open({ recipientKey, enc, info }, wrapped.slice(KEY_LENGTH)));
  } catch {
    throw cannotDecrypt("无法解密：密钥不符、用途不符，或内容已被改动。");
  }
}

/** AES-256-GCM key that cannot be read out again. */
export const contentKey = (bytes, uses) => crypto.subtle.importKey("raw", bytes, "AES-GCM", false, uses);

export async function encrypt(key, nonce, plaintext, associated) {
  const options = { name: "AES-GCM", iv: nonce, additionalData: associated };
  return new Uint8Array(await crypto.subtle.encrypt(options, key, plaintext));
}

export async function decrypt(key, nonce, ciphertext, associated, message) {
  try {
    const options = { name: "AES-GCM", iv: nonce, additionalData: associated };
    return new Uint8Array(await crypto.subtle.decrypt(options, key, ciphertext));
  } catch {
    throw cannotDecrypt(message ?? "无法解密：密钥不符、用途不符，或内容已被改动。");
  }
}

/** Stretch a passphrase to an AES-256-GCM key: PBKDF2 with HMAC-SHA-256. */
export async function passphraseKey(passphrase, salt, rounds) {
  checkBrowser();
  const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(passphrase), "PBKDF2", false, [
    "deriveKey",
  ]);
  const options = { name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds };
  return crypto.subtle.deriveKey(options, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}
