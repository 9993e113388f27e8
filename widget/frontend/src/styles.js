/** Linear light of one sRGB channel (WCAG 2). @param {number} value 0..255 */
const light = (value) => (value <= 10 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4);

/** Black or white, whichever reads better on it. @param {string} color #rrggbb */
export function readable(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => light(Number.parseInt(color.slice(at, at + 2), 16)));
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.179 ? "#000" : "#fff";
}

/** @param {string} color of the brand, #rrggbb */
export function createSheet(color) {
  const brand = /^#[0-9a-f]{6}$/i.test(color) ? color : "#2563eb";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`:host{--brand:${brand}!important;--on:${readable(brand)}!important}${CSS_TEXT}`);
  return sheet;
}

/** `!important` in a shadow tree wins over the page's. Custom properties cross the border, so they need it, too. */
const CSS_TEXT = `
:host{all:initial!important;display:block!important;color-scheme:light dark!important;
--bg:#fff!important;--soft:#f1f3f6!important;--ink:#15181e!important;--dim:#5a6372!important;--line:#e4e7ec!important;
--edge:#868f9d!important;--bad:#b42318!important;--shade:0 8px 40px rgba(16,24,40,.16),0 2px 8px rgba(16,24,40,.08)!important}
:host([hidden]){display:none!important}
@media(prefers-color-scheme:dark){:host{--bg:#181a20!important;--soft:#272b33!important;--ink:#f1f3f6!important;--dim:#a8b0bd!important;
--line:#2f343e!important;--edge:#757e8c!important;--bad:#ffb4ab!important;--shade:0 8px 40px rgba(0,0,0,.5),0 0 0 1px #2f343e!important}}
*{box-sizing:border-box;margin:0;padding:0;font:inherit;color:inherit;letter-spacing:inherit}
[hidden]{display:none!important}
.root{font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:var(--ink);-webkit-text-size-adjust:100%}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
button{border:0;background:none;cursor:pointer;touch-action:manipulation}
svg{display:block;width:24px;height:24px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
header :focus-visible{outline-color:var(--on);outline-offset:-2px}
a{text-decoration:underline;text-underline-offset:2px}
.bubble{position:fixed;z-index:2147483000;bottom:20px;right:20px;width:60px;height:60px;border-radius:50%;display:grid;place-items:center;
background:var(--brand);color:var(--on);box-shadow:0 6px 24px rgba(16,24,40,.24),0 1px 4px rgba(16,24,40,.16);transition:transform .16s}
.bubble:hover{transform:scale(1.05)}
.bubble:active{transform:scale(.96)}
.bubble svg{grid-area:1/1;width:28px;height:28px;transition:opacity .16s,transform .16s}
.bubble[aria-expanded=false] svg+svg,.bubble[aria-expanded=true] svg:first-child{opacity:0;transform:scale(.5)}
.badge{position:absolute;top:-3px;inset-inline-end:-3px;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#c81e1e;color:#fff;
font-size:12px;font-weight:700;line-height:22px;text-align:center;box-shadow:0 0 0 2px var(--bg);animation:rise .2s}
.panel{position:fixed;z-index:2147483000;bottom:96px;right:20px;width:380px;max-width:calc(100vw - 40px);height:640px;max-height:calc(100vh - 116px);
display:flex;flex-direction:column;overflow:hidden;background:var(--bg);border-radius:16px;box-shadow:var(--shade);overscroll-behavior:contain;animation:rise .2s ease-out}
.panel:focus{outline:none}
.left .bubble,.left .panel{right:auto;left:20px}
@keyframes rise{from{opacity:0;transform:translateY(12px)}}
header{flex:none;display:flex;align-items:center;gap:12px;padding:18px 14px 18px 20px;background:var(--brand);color:var(--on)}
.face{flex:none;width:40px;height:40px;border-radius:50%;display:grid;place-items:center;background:var(--on);color:var(--brand);font-size:18px;font-weight:700}
.title{flex:1;min-width:0}
h2{font-size:17px;font-weight:650;line-height:1.3;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.presence{font-size:13px;line-height:1.4}
.presence::before{content:"";display:inline-block;width:8px;height:8px;margin-inline-end:6px;border-radius:50%;border:2px solid var(--on)}
.presence[data-online]::before{background:#4ade80;border:1px solid var(--on)}
.close{flex:none;width:40px;height:40px;border-radius:10px;display:grid;place-items:center}
.close:hover{background:color-mix(in srgb,var(--on) 14%,transparent)}
.notice{flex:none;padding:8px 20px;font-size:13px;text-align:center;background:#fef3c7;color:#5c3d00}
.room{flex:1;min-height:0;display:flex;flex-direction:column}
.form{overflow-y:auto;overscroll-behavior:contain;gap:14px;padding:22px 20px 20px}
.greeting{font-size:19px;font-weight:600;line-height:1.35;margin-bottom:2px;white-space:pre-wrap;overflow-wrap:anywhere}
.field label{display:block;margin-bottom:5px;font-size:13px;font-weight:600}
input,textarea{display:block;width:100%;padding:10px 12px;border:1px solid var(--edge);border-radius:10px;background:var(--bg);font-size:16px;line-height:1.4;resize:none}
textarea{overflow-y:auto}
.field :focus,.composer:focus-within{outline:2px solid var(--ink);outline-offset:-1px;border-color:transparent}
[aria-invalid]{border-color:var(--bad)}
.error,.alert{margin-top:5px;font-size:13px;color:var(--bad)}
.alert{margin:0;padding:10px 12px;border:1px solid;border-radius:10px}
.submit{flex:none;margin-top:2px;padding:13px;border-radius:10px;background:var(--brand);color:var(--on);font-size:16px;font-weight:600}
.submit:hover,.send:hover{box-shadow:inset 0 0 0 99px color-mix(in srgb,var(--on) 10%,transparent)}
.privacy{font-size:12.5px;text-align:center;color:var(--dim)}
.log{flex:1;min-height:0;position:relative;display:flex}
.scroller{flex:1;overflow-y:auto;overscroll-behavior:contain;overflow-anchor:none;padding:8px 16px 12px;display:flex;flex-direction:column}
.scroller:focus-visible{outline-offset:-3px}
.list{margin-top:auto}
.message{display:flex;flex-direction:column;align-items:flex-start;margin-top:3px}
.message.first{margin-top:14px}
.own{align-items:flex-end}
.text{max-width:84%;padding:9px 14px;border-radius:18px;background:var(--soft);white-space:pre-wrap;overflow-wrap:anywhere}
.other.last .text{border-end-start-radius:5px}
.own .text{background:var(--brand);color:var(--on)}
.own.last .text{border-end-end-radius:5px}
.sending .text{opacity:.99}
.name{margin:0 0 3px 2px;font-size:12.5px;font-weight:600;color:var(--dim)}
.meta{margin:3px 4px 0;font-size:12px;color:var(--dim)}
.failed .meta{color:var(--bad)}
.meta button{font-weight:600;text-decoration:underline;text-underline-offset:2px;border-radius:3px}
.day{align-self:center;margin:10px auto 14px;font-size:12px;text-align:center;color:var(--dim)}
.message .day{margin-top:6px}
.typing{display:flex;align-items:center;gap:4px;margin:12px 4px 0;font-size:12.5px;color:var(--dim)}
.typing i{width:6px;height:6px;border-radius:50%;background:var(--dim);animation:blink 1.2s infinite}
.typing i+i{animation-delay:.2s}.typing i+i+i{animation-delay:.4s}
.typing span{margin-inline-start:4px}
@keyframes blink{30%{opacity:.25}}
.chip{align-self:center;padding:6px 14px;border-radius:16px;background:var(--soft);font-size:13px;font-weight:600}
.older{flex:none;margin-top:8px}
.log>.down{position:absolute;bottom:12px;inset-inline:0;margin:auto;width:max-content;background:var(--brand);color:var(--on);box-shadow:var(--shade)}
.composer{flex:none;display:flex;align-items:flex-end;gap:6px;margin:4px 12px 14px;padding:5px;border:1px solid var(--edge);border-radius:16px}
.composer textarea{flex:1;min-width:0;border:0;padding:7px 9px;background:none;outline:none}
::placeholder{color:var(--dim);opacity:1}
.send{flex:none;width:36px;height:36px;border-radius:11px;display:grid;place-items:center;background:var(--brand);color:var(--on)}
.send svg{width:20px;height:20px}
.send:disabled{background:var(--soft);color:var(--dim);cursor:default;box-shadow:none}
@media(max-width:480px){.panel,.left .panel{inset:0;width:100%;max-width:none;height:100vh;height:100dvh;max-height:none;border-radius:0;
padding-bottom:env(safe-area-inset-bottom)}header{padding-top:calc(14px + env(safe-area-inset-top));padding-bottom:14px}.bubble[aria-expanded=true]{display:none}}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media(forced-colors:active){.panel,.bubble,.text,.send,.submit,.badge,.chip{border:1px solid}.typing i{background:CanvasText}}
@media print{:host{display:none!important}}`;
