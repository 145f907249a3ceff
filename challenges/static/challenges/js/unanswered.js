/** After the deadline: a hand-in of this browser that was never answered is asked for once more, with its own number. */
import { beijingTime, handIn, pendingHandIn, saveFile } from "./server.js";

document.querySelectorAll("[data-unanswered]").forEach((section) => {
  const { place, finalise } = section.dataset;
  const pending = place && pendingHandIn(place);
  if (!pending) return;
  section.hidden = false;
  const told = section.querySelector("[data-told]");
  const button = section.querySelector("button");
  button.addEventListener("click", async () => {
    button.disabled = true;
    told.textContent = "正在查询…";
    try {
      const answer = await handIn(finalise, place, pending);
      saveFile(`receipt-${answer.bid}-v${answer.version}.json`, answer.receipt);
      told.textContent = `已在截止前接收：第 ${answer.version} 版，平台时间 ${beijingTime(answer.received_at)}。回执已下载，请保存。`;
    } catch (error) {
      told.textContent = error.sentences?.join(" ") ?? error.message;
      button.disabled = false;
    }
  });
});
