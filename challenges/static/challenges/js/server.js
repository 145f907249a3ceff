/**
 * Requests of the pages about sealed bids. No dependencies: it also runs where the encryption modules were not built.
 * A refusal of the platform is `Refused` (code, message, reasons); no usable answer at all is `Unreachable`.
 */
const ATTEMPTS = 4;
const FIRST_WAIT = 1000;

export class Refused extends Error {
  constructor({ code = "refused", message, reasons = [], status = 0 }) {
    super(message);
    this.name = "Refused";
    Object.assign(this, { code, reasons, status });
  }

  /** Every reason once, in words. */
  get sentences() {
    const told = this.reasons.map((reason) => reason.message).filter(Boolean);
    return told.length ? [...new Set(told)] : [this.message];
  }
}

export class Unreachable extends Error {
  constructor(message = "网络不通，或平台暂时没有响应。") {
    super(message);
    this.name = "Unreachable";
  }
}

const tokenFields = () => [...document.querySelectorAll("input[name=csrfmiddlewaretoken]")];
const token = () => tokenFields()[0]?.value ?? "";

/** After a new sign-in in another window the page's token is stale: take the one of a fresh copy of the page. */
async function renewToken() {
  const response = await fetch(location.pathname, { redirect: "manual", cache: "no-store" });
  if (!response.ok && response.status !== 409) return false;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.querySelector("input[name=csrfmiddlewaretoken]")?.value;
  if (!fresh) return false;
  tokenFields().forEach((field) => {
    field.value = fresh;
  });
  return true;
}

function answerOf(status, text) {
  if (status === 401) {
    throw new Refused({
      code: "signed_out",
      message: "登录已过期。请在新窗口登录，再回到本页重试；本页已填的内容不会丢失。",
      status,
    });
  }
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = null;
  }
  if (status >= 500 || answer === null || typeof answer !== "object") {
    throw new Unreachable(status ? `平台暂时没有正常答复（${status}），请稍后重试。` : undefined);
  }
  if (status >= 400) throw new Refused({ ...answer, status });
  return answer;
}

async function once(address, body) {
  const headers = { Accept: "application/json", "X-Requested-With": "fetch" };
  const options = { headers, redirect: "manual", cache: "no-store" };
  if (body !== undefined) {
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    Object.assign(headers, { "Content-Type": "application/json", "X-CSRFToken": token() });
  }
  try {
    const response = await fetch(address, options);
    return { status: response.type === "opaqueredirect" ? 401 : response.status, text: await response.text() };
  } catch {
    throw new Unreachable();
  }
}

const isJson = (text) => text.trimStart().startsWith("{");

/** GET without `body`, POST of JSON with one; the answer's JSON. */
export async function ask(address, body) {
  let { status, text } = await once(address, body);
  if (status === 403 && !isJson(text) && (await renewToken().catch(() => false))) {
    ({ status, text } = await once(address, body));
  }
  return answerOf(status, text);
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** `step` again while the platform cannot be reached; a refusal is final. `onWait(attempt)` before each new try. */
export async function retried(step, { attempts = ATTEMPTS, onWait } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof Unreachable) || attempt >= attempts) throw error;
      onWait?.(attempt);
      await wait(FIRST_WAIT * 2 ** (attempt - 1));
    }
  }
}

/** POST raw bytes, telling how much has been sent. */
export function upload(address, blob, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.setRequestHeader("X-CSRFToken", token());
    request.setRequestHeader("X-Requested-With", "fetch");
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = (event) => onProgress?.(event.loaded, blob.size);
    request.onerror = () => reject(new Unreachable("上传中断。"));
    request.onload = () => {
      const elsewhere = new URL(request.responseURL, location.href).pathname !== new URL(address, location.href).pathname;
      try {
        resolve(answerOf(elsewhere ? 401 : request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.send(blob);
  });
}

// -- Handing in --------------------------------------------------------------------------------------------------

/** Tells this bidder's hand-ins apart; no secret, so it may be made where the browser offers no cryptography. */
const newNumber = () =>
  globalThis.crypto?.randomUUID?.() ??
  [Date.now(), ...Array.from({ length: 3 }, () => Math.floor(Math.random() * 2 ** 48))].map((part) => part.toString(16)).join("-");

const pendingEntry = (place) => `pending-bid:${place}`;

/** A hand-in that was sent and not yet answered: `{idempotency_key, envelopes}` or null. */
export function pendingHandIn(place) {
  try {
    return JSON.parse(localStorage.getItem(pendingEntry(place)));
  } catch {
    return null;
  }
}

export const forgetHandIn = (place) => localStorage.removeItem(pendingEntry(place));

/**
 * The tiny request that counts. Its key is kept until the platform has answered, so that asking again, even after the
 * deadline or in a new window, gives the same receipt and never a second bid. `handed`: {envelopes: the ids of the uploads,
 * content_version: the version of the call that was read}.
 */
export async function handIn(address, place, handed, { onWait } = {}) {
  const pending = pendingHandIn(place) ?? { ...handed, idempotency_key: newNumber() };
  localStorage.setItem(pendingEntry(place), JSON.stringify(pending));
  try {
    const answer = await retried(() => ask(address, pending), { attempts: 6, onWait });
    forgetHandIn(place);
    return answer;
  } catch (error) {
    if (error instanceof Refused && error.code !== "signed_out") forgetHandIn(place);
    throw error;
  }
}

/** Offer `value` (text or JSON) as a file. */
export function saveFile(name, value) {
  const text = typeof value === "string" ? value : `${JSON.stringify(value, null, 1)}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const beijing = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" });
/** A moment as `2026-11-24 10:00:00` in Beijing time. */
export const beijingTime = (moment) => beijing.format(typeof moment === "string" ? new Date(moment) : moment);
