// Sets the chosen theme before anything is painted. Not a module: modules run later, and the page would flash.
"use strict";
try {
  const theme = localStorage.getItem("skillsync.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's theme is used.
}
