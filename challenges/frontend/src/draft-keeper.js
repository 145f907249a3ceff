/**
 * Keeps a draft in two places, encrypted in both: on the platform for colleagues, and in this browser so that nothing
 * is lost while the network is down. Saves some seconds after a change; a colleague's newer version is never overwritten.
 */
import { Refused, ask } from "../../static/challenges/js/server.js";
import { encryptDraft } from "./draft.js";

const DELAY = 5000;
const RETRY = 15_000;
const DATABASE = "sealed-bid-drafts";
const STORE = "drafts";

function database() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function withStore(mode, act) {
  const opened = await database();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = opened.transaction(STORE, mode);
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    opened.close();
  }
}

/** The copy kept in this browser: `{ciphertext, revision, saved}` or null; null too where the browser keeps nothing. */
export const localCopy = (place) => withStore("readonly", (store) => store.get(place)).then((found) => found ?? null, () => null);
export const forgetLocalCopy = (place) => withStore("readwrite", (store) => store.delete(place)).catch(() => undefined);

export class DraftKeeper {
  /**
   * @param {{place: string, address: string, binding: object, key: object, revision: number,
   *   onState: (kind: string, text: string) => void, onConflict: () => void}} options
   */
  constructor(options) {
    Object.assign(this, options);
    this.timer = 0;
    this.value = null;
    this.dirty = false;
    this.saving = null;
    this.stopped = false;
  }

  changed(value) {
    this.value = value;
    this.dirty = true;
    if (!this.stopped) this.onState("pending", "有未保存的修改");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), DELAY);
  }

  /** Goes on after a conflict was settled: the platform's present revision is known and will be replaced. */
  resume(revision, value) {
    this.revision = revision;
    this.stopped = false;
    this.changed(value);
    return this.save();
  }

  async save() {
    clearTimeout(this.timer);
    while (this.saving) await this.saving;
    if (!this.dirty || this.stopped) return;
    this.dirty = false;
    this.saving = this.store(this.value).finally(() => {
      this.saving = null;
    });
    await this.saving;
  }

  async store(value) {
    this.onState("saving", "正在加密保存…");
    const ciphertext = JSON.stringify(await encryptDraft(value, this.key, this.binding));
    const keep = (saved) =>
      withStore("readwrite", (store) => store.put({ ciphertext, revision: this.revision, saved }, this.place)).then(
        () => true,
        () => false,
      );
    const here = await keep(false);
    try {
      const answer = await ask(this.address, { ciphertext, revision: this.revision });
      this.revision = answer.revision;
      await keep(true);
      const time = new Date(answer.saved_at).toLocaleTimeString("zh-CN", { hour12: false, timeZone: "Asia/Shanghai" });
      this.onState("saved", `草稿已于 ${time} 加密保存`);
    } catch (error) {
      this.dirty = true;
      if (error instanceof Refused && error.code === "edit_conflict") {
        this.stopped = true;
        this.onState("conflict", "同事已保存了更新的草稿");
        this.onConflict();
        return;
      }
      if (error instanceof Refused && error.code !== "signed_out") {
        this.stopped = true;
        this.onState("failed", `未能保存：${error.message}`);
        return;
      }
      this.onState("failed", `${error.message}${here ? "草稿已存在本机，将自动重试。" : "将自动重试，请不要关闭本页。"}`);
      this.timer = setTimeout(() => this.save(), RETRY);
    }
  }
}
