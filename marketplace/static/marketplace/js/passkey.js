// What the browser says when a passkey was not used: told in words on the page instead of in its console.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const told = document.getElementById("passkey-told");
  if (!told) return;
  told.hidden = false;
  told.textContent = "没有完成：操作已取消、超时，或这台设备不支持。请重试，或换用动态口令。";
});
