/** Hand in two envelopes that the command-line sealer made. Form: data-ready-envelopes, data-upload (…/KIND/),
 * data-finalise, data-place, data-version (of the call this page shows). */
import { Unreachable, beijingTime, handIn, retried, saveFile, upload } from "./server.js";

const KINDS = { technical: "技术标书", price: "报价" };

function wire(form) {
  const told = form.querySelector("[data-told]");
  const bar = form.querySelector("progress");
  const say = (text, failed = false) => {
    told.textContent = text;
    told.classList.toggle("danger-text", failed);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const files = Object.keys(KINDS).map((kind) => [kind, form.elements[kind].files[0]]);
    const missing = files.find(([, file]) => !file);
    if (missing) {
      say(`请选择“${KINDS[missing[0]]}”信封文件。`, true);
      form.elements[missing[0]].focus();
      return;
    }
    button.disabled = true;
    bar.hidden = false;
    try {
      const envelopes = [];
      for (const [kind, file] of files) {
        say(`正在上传${KINDS[kind]}…`);
        const { id } = await retried(() =>
          upload(form.dataset.upload.replace("KIND", kind), file, (done, total) => {
            bar.max = total;
            bar.value = done;
          }),
        );
        envelopes.push(id);
      }
      say("正在提交…");
      const handed = { envelopes, content_version: Number(form.dataset.version) };
      const answer = await handIn(form.dataset.finalise, form.dataset.place, handed, {
        onWait: () => say("网络不通，正在重试；请不要关闭本页。"),
      });
      say(`已接收：第 ${answer.version} 版，平台时间 ${beijingTime(answer.received_at)}。回执已下载，请保存。`);
      saveFile(`receipt-${answer.bid}-v${answer.version}.json`, answer.receipt);
    } catch (error) {
      const again = error instanceof Unreachable ? " 文件和提交编号都已保留，请稍后再按一次“上传并提交”。" : "";
      say(`${error.sentences?.join(" ") ?? error.message}${again}`, true);
    } finally {
      button.disabled = false;
      bar.hidden = true;
    }
  });
}

document.querySelectorAll("form[data-ready-envelopes]").forEach(wire);
