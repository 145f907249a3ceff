// Warns before an unattended session ends. The server decides when; asking it does not prolong the session, one click
// does. Nothing on the page is touched: what was typed stays, also after the end.
const warning = document.getElementById("session-warning");
const WARN_SECONDS = 120;
const LONGEST_WAIT = 30 * 60;

function words(seconds) {
  const whole = Math.max(Math.ceil(seconds), 0);
  return whole >= 60 ? `${Math.ceil(whole / 60)} 分钟` : `${whole} 秒`;
}

function watch() {
  const text = document.getElementById("session-warning-text");
  const form = warning.querySelector("form");
  let endsAt = Date.now() + Number(document.body.dataset.idle) * 1000;
  let told = "";
  let timer = 0;

  const say = (sentence) => {
    // Said once and then once a minute: a screen reader is not made to count seconds.
    if (sentence !== told) text.textContent = told = sentence;
  };
  const later = (seconds, step) => {
    clearTimeout(timer);
    timer = setTimeout(step, Math.min(Math.max(seconds, 1), LONGEST_WAIT) * 1000);
  };
  const over = () => {
    clearTimeout(timer);
    say(text.dataset.over);
    form.hidden = true;
    warning.hidden = false;
  };

  async function left() {
    const answer = await fetch(warning.dataset.address, { headers: { Accept: "application/json" }, redirect: "manual" });
    return answer.ok ? (await answer.json()).seconds : 0;
  }

  function warn(seconds) {
    const first = warning.hidden;
    const shown = seconds > 60 ? Math.ceil(seconds / 60) * 60 : Math.ceil(seconds / 15) * 15;
    say(text.dataset.warns.replace("{time}", words(shown)));
    warning.hidden = false;
    if (first) form.querySelector("button").focus({ preventScroll: true });
  }

  async function look() {
    let seconds = (endsAt - Date.now()) / 1000;
    // Another tab may have been used: the server knows.
    try {
      seconds = await left();
    } catch {
      // No network: what this page knows is good enough to warn by.
    }
    endsAt = Date.now() + seconds * 1000;
    if (seconds <= 0) return over();
    if (seconds > WARN_SECONDS) {
      warning.hidden = true;
      return later(seconds - WARN_SECONDS, look);
    }
    warn(seconds);
    return later(Math.min(seconds + 1, 15), look);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json", "X-Requested-With": "fetch" },
      redirect: "manual",
    }).catch(() => null);
    if (answer === null || !answer.ok) return look();
    const seconds = (await answer.json()).seconds;
    endsAt = Date.now() + seconds * 1000;
    warning.hidden = true;
    told = "";
    return later(seconds - WARN_SECONDS, look);
  });
  later((endsAt - Date.now()) / 1000 - WARN_SECONDS, look);
  // A computer that slept wakes up with an old timer.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && endsAt - Date.now() < WARN_SECONDS * 1000) look();
  });
}

if (warning && Number(document.body.dataset.idle) > 0) watch();
