/**
 * Find the links in a text: http and https URLs, names that begin with "www.", e-mail addresses and international phone numbers.
 *
 * The rules follow the autolink extension of GitHub Flavored Markdown, with these differences:
 *
 * 1. Punctuation and quotes beyond ASCII end a link. So does an unpaired bracket.
 * 2. The ideographic full stop ends a host, although UTS 46 reads it as a dot: after a URL it ends the sentence.
 * 3. The last label of a host is either ASCII or not, as top-level domains are. In a language that is written without spaces,
 *    the sentence continues where the label changes.
 * 4. A URL with a user name is not a link, since it looks like the address of another host.
 *
 * praxtalk/core/markup/links.py implements the same rules. tests/markup/cases.json holds the cases of both.
 *
 * @typedef {{start: number, end: number, href: string}} Link
 */

const MAX_HOST_LENGTH = 253;
const MAX_PHONE_DIGITS = 15; // E.164
const MIN_PHONE_DIGITS = 8; // shorter ones are more often amounts
const START =
  /(?<![a-z0-9])(https?:\/\/)|(?<![\w.@-])(www\.)|(?<![a-z0-9.+@/\u00c0-\u0dff-])(?:mailto:)?[a-z0-9][\w.+-]{0,63}@|(?<![\w+])(?:tel:)?(\+[1-9](?:[ .\u00a0\u2009\u2011\u202f-]?(?:\d|\(\d{1,5}\))){6,}(?!\w))/gi;
const HOST = /(?:[\w\p{L}\p{M}\p{N}-]+\.)*[\w\p{L}\p{M}\p{N}-]+/uy;
const TOP_LEVEL = /^(?:xn--[\w-]+|[a-z]{2,63}|[^\0-\x7f]{2,})$/i;
const USER_NAME = /[^\s/?#]*@/y;
const PORT = /(?::\d{1,5})?/y;
const STOP = /["<>\\`|]|(?![!-~\u00b7\u2010-\u2013\u2019\u301c\u30fb\u200c\u200d])[\p{Z}\p{Cc}\p{Cf}\p{P}]/u;
const TRAILING = /[.,:;!?'*_~\u00b7\u2010-\u2013\u2019\u301c\u30fb\u200c\u200d]/;
const CLOSING = /** @type {Record<string, string>} */ ({ "(": ")", "[": "]", "{": "}" });

/** @param {string} text @returns {Link[]} in the order of the text; they do not overlap */
export function findLinks(text) {
  const links = /** @type {Link[]} */ ([]);
  const unpaired = /** @type {Set<number>} */ (new Set()); // brackets, so that none is looked up twice
  let done = 0;
  for (const { 0: match, 1: scheme, 2: www, 3: phone, index: start } of text.matchAll(START)) {
    if (start < done) continue;
    const begin = start + match.length;
    let end = phone ? begin : 0;
    let href = match;
    if (phone) {
      const digits = phone.replace(/\(0\)|\D/g, ""); // the zero of "+49 (0)30" is dialled only inside the country
      if (digits.length >= MIN_PHONE_DIGITS && digits.length <= MAX_PHONE_DIGITS) href = `tel:+${digits}`;
      else end = 0;
    } else if (scheme) {
      const authority = matchAt(USER_NAME, text, begin);
      if (authority) done = begin + authority.length;
      else end = urlEnd(text, hostEnd(text, begin), unpaired);
    } else if (www) end = urlEnd(text, hostEnd(text, start, true), unpaired);
    else {
      end = hostEnd(text, begin, true);
      if (text[end] === "@" || (text[start - 1] === "_" && text[end] !== "_")) end = 0;
    }
    if (!end) continue;
    const shown = text.slice(start, end);
    if (!phone) href = scheme || /^mailto:/i.test(shown) ? shown : `${www ? "http://" : "mailto:"}${shown}`;
    links.push({ start, end, href });
    done = end;
  }
  return links;
}

/** @param {RegExp} pattern a sticky one @param {string} text @param {number} at @returns {string} "" if it does not match */
const matchAt = (pattern, text, at) => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
};

/**
 * Return where the host ends that begins at `start`, or 0 if there is none.
 * @param {string} text @param {number} start @param {boolean} [isNamed] whether it must have a top-level domain
 */
function hostEnd(text, start, isNamed) {
  const labels = matchAt(HOST, text.slice(start, start + MAX_HOST_LENGTH), 0).split(".");
  let last = /** @type {string} */ (labels.pop());
  if (labels.length) last = /^[\0-\x7f]+/.exec(last)?.[0] ?? last;
  let size = last.length;
  while (/[-_]/.test(last[size - 1] ?? "")) size--;
  last = last.slice(0, size);
  const end = start + [...labels, last].join(".").length;
  if (isNamed) return labels.length && TOP_LEVEL.test(last) ? end : 0;
  return last && (labels.length || /^(?:[/?#\s]|:\d|$)/.test(text.slice(end, end + 2))) ? end : 0;
}

/**
 * Return where a URL ends, or 0.
 * @param {string} text @param {number} host where its host ends, or 0 @param {Set<number>} unpaired known unpaired brackets
 */
function urlEnd(text, host, unpaired) {
  if (!host) return 0;
  let end = host + matchAt(PORT, text, host).length;
  if (!/[/?#]/.test(text[end] ?? "")) return end;
  const open = /** @type {number[]} */ ([]); // where brackets begin that are not closed yet
  for (; end < text.length; end++) {
    const char = text[end];
    if (STOP.test(char) || unpaired.has(end) || text.startsWith("**", end)) break;
    if (",;".includes(char) && text.startsWith("http", end + 1)) break;
    if (CLOSING[char]) open.push(end);
    else if (")]}".includes(char)) {
      if (CLOSING[text[open.at(-1) ?? -1]] !== char) break;
      open.pop();
    }
  }
  for (const each of open) unpaired.add(each);
  end = open[0] ?? end;
  while (TRAILING.test(text[end - 1])) end--;
  return end;
}
