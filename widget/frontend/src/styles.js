/**
 * Black or white, whichever reads better on it. The exponent stands for the curve of sRGB in WCAG 2; either way the
 * contrast stays above 4.5.
 *
 * @param {string} color #rrggbb
 */
export function readable(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => (Number.parseInt(color.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

/** @param {string} color of the brand, #rrggbb */
export function createSheet(color) {
  const brand = /^#[0-9a-f]{6}$/i.test(color) ? color : "#2563eb";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`${CSS_TEXT}.root{--brand:${brand};--on:${readable(brand)}}`);
  return sheet;
}

/**
 * `!important` in a shadow tree wins over the page's. Custom properties cross the border: ours stand on our own root,
 * where no rule of the page reaches. `unicode-bidi: plaintext` lets each text run in its own direction.
 */
const CSS_TEXT = `
:host{all:initial!important;display:block!important}
:host([hidden]),[hidden]{display:none!important}
.root{--bg:#fff;--soft:#f1f3f6;--ink:#15181e;--dim:#5a6372;--edge:#868f9d;--bad:#b42318;--shade:0 6px 36px #1018282e,0 2px 6px #1018281f;
color-scheme:light dark;font:15px/1.45 system-ui,sans-serif;color:var(--ink)}
@media(prefers-color-scheme:dark){.root{--bg:#181a20;--soft:#272b33;--ink:#f1f3f6;--dim:#a8b0bd;--edge:#757e8c;--bad:#ffb4ab;--shade:0 6px 36px #0008,0 0 0 1px #2f343e}}
*{box-sizing:border-box;margin:0;padding:0;font:inherit;color:inherit}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
button{border:0;background:none;cursor:pointer}
svg{width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
a{text-underline-offset:2px}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
header :focus-visible{outline-color:var(--on);outline-offset:-2px}
.bubble,.panel{position:fixed;z-index:2147483000;bottom:20px;right:20px;box-shadow:var(--shade)}
.left .bubble,.left .panel{right:auto;left:20px}
.bubble,.close,.face,.send{flex:none;display:grid;place-items:center;width:40px;height:40px;border-radius:50%}
.bubble{width:60px;height:60px;transition:transform .16s}
.bubble:hover{transform:scale(1.05)}
.bubble svg{width:32px;height:32px}
.badge{position:absolute;top:0;inset-inline-end:0;min-width:20px;padding:0 6px;border-radius:10px;background:#c00;color:#fff;
font-size:13px;font-weight:700;line-height:20px;text-align:center;animation:rise .2s ease-out}
.panel{bottom:96px;width:380px;max-width:calc(100vw - 40px);height:640px;max-height:calc(100vh - 116px);overflow:hidden;background:var(--bg);border-radius:16px;animation:rise .2s ease-out}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}
header{display:flex;align-items:center;gap:14px;padding:18px 20px}
.face{background:var(--on);color:var(--brand);font-size:18px;font-weight:700}
.title{flex:1;min-width:0}
h2{font-size:16px;font-weight:700;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.presence::before{content:"";display:inline-block;width:9px;height:9px;margin-inline-end:6px;border-radius:50%;border:2px solid}
.presence[data-online]::before{background:#4ade80;border-width:1px}
.notice{padding:8px 14px;text-align:center;background:#fef3c7;color:#5c3d00}
.room,.log{flex:1;min-height:0}
.form,.scroller{overflow-y:auto;overscroll-behavior:contain}
.panel,.room,.scroller,.message{display:flex;flex-direction:column}
.form{gap:14px;padding:20px}
.greeting{font-size:18px;font-weight:700}
label{display:block;margin-bottom:4px;font-weight:700}
input,textarea,.composer{width:100%;padding:10px;border:1px solid var(--edge);border-radius:10px;background:var(--bg)}
input,textarea{display:block;font-size:16px;line-height:1.4;resize:none}
input,textarea,.text,.name,.greeting{unicode-bidi:plaintext;text-align:start;overflow-wrap:anywhere}
.text,.greeting{white-space:pre-wrap}
.field :focus,.composer:focus-within{outline:2px solid var(--dim);outline-offset:-1px}
[aria-invalid]{border-color:var(--bad)}
.error,.alert,.failed .meta{color:var(--bad)}
.error{margin-top:4px}
.alert{padding:10px;border:1px solid;border-radius:10px}
.submit{padding:14px;border-radius:10px;font-size:16px;font-weight:700}
.presence,.notice,label,.error,.alert,.chip,.privacy,.day,.meta,.typing,.name{font-size:13px}
.privacy,.day,.meta,.typing,.name{color:var(--dim)}
.privacy,.day{text-align:center}
.log{position:relative;display:flex}
.scroller{flex:1;overflow-anchor:none;padding:8px 14px 14px}
.scroller:focus-visible{outline-offset:-3px}
.list{margin-top:auto}
.message{align-items:flex-start;margin-top:3px}
.first{margin-top:14px}
.own{align-items:flex-end}
.text{max-width:84%;padding:8px 14px;border-radius:16px;background:var(--soft)}
.other.last .text{border-end-start-radius:4px}
.own.last .text{border-end-end-radius:4px}
.name{margin-bottom:4px;font-weight:700}
.meta{margin-top:4px}
.meta button{text-decoration:underline}
.day{align-self:center;margin:8px 0 14px}
.typing{margin-top:14px}
.typing::after{content:"..."/"";display:inline-block;animation:dots 1.2s steps(4) infinite}
@keyframes dots{0%{clip-path:inset(0 100% 0 0)}}
.chip{align-self:center;padding:8px 14px;border-radius:16px;background:var(--soft);font-weight:700}
.down{position:absolute;bottom:12px;inset-inline:0;margin:auto;width:max-content;box-shadow:var(--shade)}
.composer{display:flex;align-items:flex-end;gap:6px;width:auto;margin:4px 14px 14px;padding:4px;border-radius:16px}
.composer textarea{flex:1;min-width:0;border:0;padding:8px}
.panel:focus,.composer textarea{outline:none}
::placeholder{color:var(--dim);opacity:1}
.bubble,.submit,.send,.own .text,.down,header{background:var(--brand);color:var(--on)}
.send:disabled{background:var(--soft);color:var(--dim)}
@media(max-width:480px){.panel,.left .panel{inset:0;width:100%;max-width:none;height:100vh;height:100dvh;max-height:none;border-radius:0}
.bubble[aria-expanded=true]{display:none}}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media(forced-colors:active){.panel,.bubble,.text,.send,.submit,.badge,.chip{border:1px solid}}`;
