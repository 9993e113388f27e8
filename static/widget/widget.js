"use strict";(()=>{window.PraxTalk??(window.PraxTalk=()=>{});})();
//# sourceMappingURL=widget.js.map
