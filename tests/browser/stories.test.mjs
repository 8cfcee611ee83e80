// All stories, in order, over two live services and one browser.

import { after, before, describe } from "node:test";
import { closeBrowser, openBrowser } from "./page.mjs";
import { startDemo, startGuarded } from "./services.mjs";

const live = {};

before(async () => {
  [live.demo, live.guarded] = await Promise.all([startDemo(), startGuarded(), openBrowser()]);
});

after(() => Promise.all([closeBrowser(), live.demo?.stop(), live.guarded?.stop()]));

for (const name of ["watching", "failures", "uploading", "deciding", "access", "keyboard", "size", "accessibility", "screenshots"]) {
  const { stories } = await import(`./stories/${name}.mjs`);
  describe(name, () => stories(live));
}
