// Sets the chosen theme before the first paint. Not a module, because modules run later and the page would flash.
"use strict";
try {
  const theme = localStorage.getItem("skillsync.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage, the system theme is used.
}
