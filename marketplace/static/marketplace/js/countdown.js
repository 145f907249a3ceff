// The clock in the header and countdowns run on the server's time: the page carries it, the difference is kept.
const clock = document.querySelector("[data-clock]");
const offset = clock ? Number(clock.dataset.clock) * 1000 - Date.now() : 0;
const serverNow = () => Date.now() + offset;
const parts = new Intl.DateTimeFormat("zh-CN", {
  timeZone: "Asia/Shanghai", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

function tick() {
  const time = clock?.querySelector("time");
  if (time) {
    const part = Object.fromEntries(parts.formatToParts(serverNow()).map((entry) => [entry.type, entry.value]));
    time.textContent = `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}`;
  }
}
tick();
setInterval(tick, 15000);

// Announced aloud only at one day, one hour, ten minutes, one minute, and at the end.
const spoken = [86400, 3600, 600, 60, 0];

document.querySelectorAll("[data-deadline]").forEach((element) => {
  const end = Number(element.dataset.deadline) * 1000;
  const voice = document.createElement("span");
  voice.className = "visually-hidden";
  voice.setAttribute("aria-live", "polite");
  element.after(voice);
  let last = Infinity;
  const step = () => {
    const left = Math.max(0, Math.floor((end - serverNow()) / 1000));
    const days = Math.floor(left / 86400);
    const hours = Math.floor((left % 86400) / 3600);
    const minutes = Math.floor((left % 3600) / 60);
    const text = left === 0 ? "已截止" : days > 0 ? `还有 ${days} 天 ${hours} 小时` : `还有 ${hours} 小时 ${minutes} 分 ${left % 60} 秒`;
    element.textContent = text;
    if (spoken.some((mark) => last > mark && left <= mark) && last !== Infinity) voice.textContent = text;
    last = left;
    if (left > 0) setTimeout(step, days > 0 ? 60000 : 1000);
  };
  step();
});
