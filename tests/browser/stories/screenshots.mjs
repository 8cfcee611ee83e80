// Pictures of what the page looks like, for the documents; written only when asked for.

import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pageAt, reads } from "../page.mjs";
import { client, KEYS } from "../services.mjs";
import { signIn } from "./access.mjs";
import { views } from "./accessibility.mjs";
import { everybody } from "./deciding.mjs";

const FOLDER = fileURLToPath(new URL("../../../docs/screenshots/", import.meta.url));
const SHOWN = ["overview", "failed-entry", "plan", "faults"];
const SIZES = [["desktop", 1280, 860], ["phone", 390, 844]];

export function stories(live) {
  test("screenshots in both themes, wide and narrow", { skip: !process.env.SCREENSHOTS, timeout: 60_000 }, async () => {
    mkdirSync(FOLDER, { recursive: true });
    const shown = (await views(live)).filter(({ name }) => SHOWN.includes(name)).map((view) => ({ ...view, service: live.demo }));
    shown.push(await heldView(live.guarded));
    for (const scheme of ["light", "dark"]) {
      for (const [size, width, height] of SIZES) {
        for (const { name, service, path, ready, refused } of shown) {
          const { page, done } = await pageAt(service, { path, width, height, scheme, refused });
          await ready(page);
          await page.mouse.move(0, 0);
          await page.evaluate(() => document.activeElement?.blur());
          await page.screenshot({ path: `${FOLDER}${name}-${size}-${scheme}.png` });
          await done();
        }
      }
    }
  });
}

async function heldView(service) {
  const api = client(service.url, KEYS.boss);
  const { id } = await api.submit({ target: "wfmSkillGroups", mode: "replace", label: "new structure" }, everybody("Group 2"));
  await api.ended(id);
  const ready = async (page) => {
    await signIn(page, KEYS.boss);
    await reads(page.locator(".held"), "would lose");
    await reads(page.locator("#entry-count"), "1–50");
  };
  return { name: "held", service, path: `#/jobs/${id}`, ready, refused: ["401 /v1/sync-jobs", `401 /v1/sync-jobs/${id}`, "401 /v1/limits"] };
}
