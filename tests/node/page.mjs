// Uses the capability page as a person does and prints what it saw as JSON.
// node page.mjs URL [FIELD=VALUE…], where FIELD is a parameter or #ID; CHROMIUM names the browser, FAIRLEAD_SCREENSHOT a file for the picture.

import { chromium } from "playwright-core";

const PATIENCE_MS = 20_000;
const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 1300 };

const [url, ...fills] = process.argv.slice(2);
const seen = { console_errors: [], csp_violations: [], requests: [] };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function open(options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error") seen.console_errors.push(message.text());
    if (message.text().includes("Content Security Policy")) seen.csp_violations.push(message.text());
  });
  page.on("pageerror", (error) => seen.console_errors.push(String(error)));
  page.on("dialog", (dialog) => {
    seen.console_errors.push(`a dialog opened: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto(url);
  return page;
}

async function fillAndSubmit(page) {
  const form = page.locator("form[data-path]").first();
  const fold = form.locator("details.fold > summary");
  if ((await fold.count()) && !(await fold.locator("..").getAttribute("open"))) {
    await fold.focus();
    await page.keyboard.press("Enter");
  }
  for (const fill of fills) {
    const [name, value] = fill.split(/=(.*)/s);
    await (name.startsWith("#") ? page.locator(name) : form.locator(`[data-name="${name}"]`)).focus();
    await page.keyboard.type(value);
  }
  await form.locator("[data-place]").last().press("Enter");
  return answered(page);
}

async function answered(page) {
  const answer = page.locator(".answer[aria-busy=false]").first();
  await answer.locator(".status").waitFor();
  const body = answer.locator(".body code");
  const text = await body.textContent();
  let events = null;
  try {
    events = JSON.parse(text).events?.length ?? null;
  } catch { /* the body is not JSON, which `body` shows */ }
  return {
    status: await answer.locator(".status").textContent(),
    request: await answer.locator(".request").textContent(),
    body: text,
    events,
    elements: await body.evaluate((code) => [...new Set([...code.querySelectorAll("*")].map((e) => e.tagName))]),
    next: await answer.locator("[data-page=next]").isEnabled({ timeout: 1000 }),
  };
}

async function nextPage(page) {
  const before = await page.locator(".answer .request").first().textContent();
  await page.locator("[data-page=next]").first().click();
  await page.waitForFunction((text) => document.querySelector(".answer .request").textContent !== text, before);
  return answered(page);
}

const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

try {
  const page = await open({ viewport: DESKTOP, deviceScaleFactor: 1.5, colorScheme: "light", reducedMotion: "reduce" });
  seen.title = await page.title();
  seen.unlabelled = await page.$$eval("input, select, textarea", (all) => all.filter((e) => !e.labels.length).map((e) => e.id));
  seen.answer = await fillAndSubmit(page);
  seen.text = await page.evaluate(() => document.body.textContent + location.href);
  if (process.env.FAIRLEAD_SCREENSHOT) {
    await page.evaluate(() => {
      document.activeElement.blur();
      scrollTo(0, 0);
      return new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
    });
    await page.screenshot({ path: process.env.FAIRLEAD_SCREENSHOT });
  }
  seen.next_page = seen.answer.next ? await nextPage(page) : null;
  seen.light = await background(page);

  const phone = await open({ viewport: PHONE, deviceScaleFactor: 2, colorScheme: "dark", reducedMotion: "reduce" });
  await fillAndSubmit(phone);
  await phone.$$eval("details", (all) => all.forEach((e) => (e.open = true)));
  seen.dark = await background(phone);
  seen.phone_overflow = await overflow(phone);
  await phone.goto(new URL("/docs", url).href);
  await phone.$$eval("details", (all) => all.forEach((e) => (e.open = true)));
  seen.docs_overflow = await overflow(phone);
  seen.docs_title = await phone.title();
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
