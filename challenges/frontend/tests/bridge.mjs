/**
 * Runs the browser's modules under Node for the interoperability tests (tests/challenges/sealing/test_browser_modules.py):
 * one JSON request `{action, …}` on standard input, one JSON answer `{result}` or `{error: {code, message}}`.
 */
import { readFile, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import { CHECKS_LATER, CHECKS_NOW, checkReceipts } from "../src/before-opening.js";
import { bidProblems, fenOf, priceProblems } from "../src/bid-rules.js";
import { manifestFaults } from "../src/bid-schema.js";
import { canonical } from "../src/canonical.js";
import { decryptDraft, deriveDraftKey, encryptDraft } from "../src/draft.js";
import { fromBase64, toBase64, toHex } from "../src/encoding.js";
import * as officerKeys from "../src/officer-keys.js";
import { padme } from "../src/padding.js";
import { digestOfBlob, sealEnvelope } from "../src/sealing.js";
import * as verify from "../src/verify.js";

const pairOf = async ({ private_key: privateKey }) => {
  const bytes = fromBase64(privateKey);
  return { privateKey: bytes, publicKey: await officerKeys.publicKeyOf(bytes) };
};
const pairJson = (pair) => ({ public_key: toBase64(pair.publicKey), private_key: toBase64(pair.privateKey) });

const actions = {
  canonical: ({ values }) =>
    values.map((value) => {
      try {
        return toBase64(canonical(value));
      } catch (error) {
        return error.code;
      }
    }),

  bid_rules: ({ call, bids, prices, amounts }) => ({
    bids: bids.map((manifest) => bidProblems(manifest, call)),
    prices: prices.map((price) => priceProblems(price, call)),
    amounts: amounts.map(fenOf),
  }),

  manifest_faults: ({ cases }) => cases.map(([kind, text]) => manifestFaults(kind, JSON.parse(text))),

  padme: ({ lengths }) => lengths.map(padme),

  async seal({ files, output, ...options }) {
    const opened = await Promise.all(
      files.map(async ({ name, path, type }) => {
        const blob = new Blob([await readFile(path)], { type });
        return Object.assign(blob, { name });
      }),
    );
    const steps = [];
    const sealed = await sealEnvelope({ ...options, files: opened, onProgress: (done, total) => steps.push([done, total]) });
    await writeFile(output, new Uint8Array(await sealed.blob.arrayBuffer()));
    const again = await digestOfBlob(sealed.blob);
    return { kind: sealed.kind, size: sealed.size, sha256: sealed.sha256, again, lastStep: steps.at(-1) };
  },

  async createOfficerKey({ passphrase }) {
    const pair = await officerKeys.createOfficerKey();
    return { ...pairJson(pair), file: await officerKeys.lockKey(pair, passphrase) };
  },

  async unlockKey({ file, passphrase }) {
    return pairJson(await officerKeys.unlockKey(file, passphrase));
  },

  async answerPossession({ suite, officer, blob, pair }) {
    const answer = await officerKeys.answerPossession({ suite, officer, blob: fromBase64(blob), pair: await pairOf(pair) });
    return toBase64(answer);
  },

  createEnvelopeKey: (options) => officerKeys.createEnvelopeKey(options),

  async peel({ blob, pair, context, officers, position, wrapped }) {
    const { privateKey } = await pairOf(pair);
    const peeled = await officerKeys.peel({ blob: fromBase64(blob), privateKey, context, officers, position });
    return { peeled: toBase64(peeled), right: await officerKeys.peelIsRight(wrapped, position, peeled, context) };
  },

  validSubsets: ({ officers, threshold }) => officerKeys.validSubsets(officers, threshold),

  async encryptDraft({ value, passphrase, binding }) {
    return encryptDraft(value, await deriveDraftKey(passphrase), binding);
  },

  async decryptDraft({ draft, passphrase, binding }) {
    return decryptDraft(draft, await deriveDraftKey(passphrase, draft), binding);
  },

  async verifyReceipt({ receipt, signing_key: signingKey }) {
    return verify.verifyReceipt(receipt, fromBase64(signingKey));
  },

  async checkReceipts({ call, receipts }) {
    const { ok, rows } = await checkReceipts(call, receipts);
    return { ok, rows: rows.map(({ check, ok: passed }) => [check, passed]), now: CHECKS_NOW, later: CHECKS_LATER };
  },

  merkle({ leaves }) {
    const hashes = leaves.map((leaf) => verify.leafHash(fromBase64(leaf)));
    const root = verify.rootOf(hashes);
    const proofs = hashes.map((_, index) => verify.inclusionProof(hashes, index));
    const proved = proofs.every((proof, index) =>
      verify.inclusionIsProved(hashes[index], index, hashes.length, proof, root),
    );
    const refuted = proofs.every(
      (proof, index) =>
        !verify.inclusionIsProved(hashes[index], index + 1, hashes.length, proof, root) &&
        !verify.inclusionIsProved(verify.leafHash(new Uint8Array([9])), index, hashes.length, proof, root),
    );
    return { root: toHex(root), proofs: proofs.map((proof) => proof.map(toHex)), proved, refuted };
  },

  async verifyRecords({ records, anchors }) {
    const reports = [];
    for (const record of records) {
      const report = await verify.verifyRecord(record, anchors);
      reports.push({ ok: report.ok, rows: report.rows.map(({ check, ok }) => [check, ok]) });
    }
    return reports;
  },
};

const { action, ...request } = JSON.parse(await text(process.stdin));
let answer;
try {
  answer = { result: await actions[action](request) };
} catch (error) {
  if (!error.code) throw error;
  answer = { error: { code: error.code, message: error.message } };
}
process.stdout.write(JSON.stringify(answer));
