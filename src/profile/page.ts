/**
 * A profile as a page: one self-contained file for a browser.
 *
 * @module
 */

import type { ListedCode } from "./code_listing.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./page_bundle.ts";
import { toPageData } from "./page_data.ts";
import type { PageData } from "./page_format.ts";
import type { Profile } from "./profile.ts";

/** Returns the page of a profile, which must have its samples. */
export function toPage(
  profile: Profile,
  title: string,
  code?: ListedCode,
): Promise<string> {
  return pageOf(toPageData(profile, title, code));
}

/** Returns the page of some data. */
export async function pageOf(data: PageData): Promise<string> {
  const policy = [
    "default-src 'none'",
    `script-src ${await source(PAGE_SCRIPT)}`,
    `style-src ${await source(PAGE_STYLE)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(data.title)}</title>
<style>${PAGE_STYLE}</style>
<body>
<noscript>This page needs JavaScript.</noscript>
<script type="application/json" id="data">${escapeScript(data)}</script>
<script>${PAGE_SCRIPT}</script>
</html>
`;
}

/** Returns the source expression of an inline script or style, by which a policy allows it. */
async function source(text: string): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return `'sha256-${new Uint8Array(digest).toBase64()}'`;
}

const escapeHtml = (text: string) =>
  text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Returns JSON for an element `script`, with characters escaped that would end it. */
const escapeScript = (data: PageData) =>
  JSON.stringify(data).replaceAll("<", "\\u003c");
