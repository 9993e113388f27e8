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
color-scheme:light dark;font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink)}
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
.bubble,.close,.face,.send{flex:none;display:grid;place-items:center;width:40px;height:40px;border-radius:12px}
.bubble,.submit,.send,.own .text,.log>.down,header{background:var(--brand);color:var(--on)}
.bubble{width:60px;height:60px;border-radius:50%;transition:transform .16s}
.bubble:hover{transform:scale(1.05)}
.bubble svg{width:28px;height:28px}
.badge{position:absolute;top:-3px;inset-inline-end:-3px;min-width:22px;padding:0 6px;border-radius:11px;background:#c81e1e;color:#fff;
font-size:12px;font-weight:700;line-height:22px;text-align:center;box-shadow:0 0 0 2px var(--bg);animation:rise .2s ease-out}
.panel{bottom:96px;width:380px;max-width:calc(100vw - 40px);height:640px;max-height:calc(100vh - 116px);
display:flex;flex-direction:column;overflow:hidden;background:var(--bg);border-radius:16px;animation:rise .2s ease-out}
.panel:focus{outline:none}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}
header{display:flex;align-items:center;gap:12px;padding:18px 14px 18px 20px}
.face{border-radius:50%;background:var(--on);color:var(--brand);font-size:18px;font-weight:700}
.title{flex:1;min-width:0}
h2{font-size:17px;font-weight:700;line-height:1.3;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.presence,.notice,label,.error,.alert,.chip{font-size:13px}
.presence::before{content:"";display:inline-block;width:9px;height:9px;margin-inline-end:6px;border-radius:50%;border:2px solid}
.presence[data-online]::before{background:#4ade80;border-width:1px}
.notice{padding:8px 20px;text-align:center;background:#fef3c7;color:#5c3d00}
.room{flex:1;min-height:0;display:flex;flex-direction:column}
.form,.scroller{overflow-y:auto;overscroll-behavior:contain}
.form{gap:14px;padding:22px 20px}
.greeting{font-size:19px;font-weight:600;line-height:1.35}
label{display:block;margin-bottom:5px;font-weight:600}
input,textarea,.composer{width:100%;padding:10px 12px;border:1px solid var(--edge);border-radius:10px;background:var(--bg)}
input,textarea{display:block;font-size:16px;line-height:1.4;resize:none}
input,textarea,.text,.name,.greeting{unicode-bidi:plaintext;text-align:start;overflow-wrap:anywhere}
.text,.greeting{white-space:pre-wrap}
.field :focus,.composer:focus-within{outline:2px solid var(--dim);outline-offset:-1px}
[aria-invalid]{border-color:var(--bad)}
.error,.alert,.failed .meta{color:var(--bad)}
.error{margin-top:5px}
.alert{padding:10px 12px;border:1px solid;border-radius:10px}
.submit{padding:13px;border-radius:10px;font-size:16px;font-weight:600}
.submit:hover,.send:hover,.close:hover{filter:brightness(.93)}
.close{background:inherit}
.privacy,.day,.meta,.typing,.name{font-size:12px;color:var(--dim)}
.privacy,.day{text-align:center}
.log{flex:1;min-height:0;position:relative;display:flex}
.scroller{flex:1;overflow-anchor:none;padding:8px 16px 12px;display:flex;flex-direction:column}
.scroller:focus-visible{outline-offset:-3px}
.list{margin-top:auto}
.message{display:flex;flex-direction:column;align-items:flex-start;margin-top:3px}
.first{margin-top:14px}
.own{align-items:flex-end}
.text{max-width:84%;padding:9px 14px;border-radius:18px;background:var(--soft)}
.other.last .text{border-end-start-radius:5px}
.own.last .text{border-end-end-radius:5px}
.name{margin:0 2px 3px;font-weight:600}
.meta{margin:3px 4px 0}
.meta button{font-weight:600;text-decoration:underline}
.day{align-self:center;margin:8px auto 14px}
.typing{display:flex;align-items:center;gap:4px;margin:12px 4px 0}
.typing i{width:6px;height:6px;border-radius:50%;background:var(--dim);animation:blink 1.2s infinite}
.typing i+i{animation-delay:.2s}.typing i+i+i{animation-delay:.4s}
@keyframes blink{30%{opacity:.25}}
.chip{align-self:center;padding:6px 14px;border-radius:16px;background:var(--soft);font-weight:600}
.log>.down{position:absolute;bottom:12px;inset-inline:0;margin:auto;width:max-content;box-shadow:var(--shade)}
.composer{display:flex;align-items:flex-end;gap:6px;width:auto;margin:4px 12px 14px;padding:5px;border-radius:16px}
.composer textarea{flex:1;min-width:0;border:0;padding:7px 9px;outline:none}
::placeholder{color:var(--dim);opacity:1}
.send{width:36px;height:36px}
.send svg{width:20px}
.send:disabled{background:var(--soft);color:var(--dim);cursor:default}
@media(max-width:480px){.panel,.left .panel{inset:0;width:100%;max-width:none;height:100vh;height:100dvh;max-height:none;border-radius:0}
.bubble[aria-expanded=true]{display:none}}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media(forced-colors:active){.panel,.bubble,.text,.send,.submit,.badge,.chip{border:1px solid}}
@media print{.root{display:none}}`;
