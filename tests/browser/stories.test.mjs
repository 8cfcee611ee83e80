// All stories, in order, over two live services and one browser.

import { after, before, describe } from "node:test";
import { closeBrowser, openBrowser } from "./page.mjs";
import { startDemo, startGuarded } from "./services.mjs";

const live = {};

before(async () => {
  [live.demo, live.guarded] = await Promise.all([startDemo(), startGuarded(), openBrowser()]);
});

after(() => Promise.all([closeBrowser(), live.demo?.stop(), live.guarded?.stop()]));

const stories = async (name) => {
  const told = await import(`./stories/${name}.mjs`);
  return () => describe(name, { concurrency: 1 }, () => told.stories(live));
};

// While the demo's job runs, which takes its time, the other service is driven.
const [watching, access] = await Promise.all(["watching", "access"].map(stories));
describe("at the same time", { concurrency: 2 }, () => (watching(), access()));
for (const name of ["strangers", "failures", "uploading", "deciding", "size", "records", "keyboard", "accessibility", "screenshots"]) (await stories(name))();
