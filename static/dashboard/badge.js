/** The number of unread conversations beside "Inbox" in the navigation. */

/** @param {number} unread */
export const showUnread = (unread) => {
  const badge = document.querySelector("#nav [data-unread] .badge");
  if (!badge) return;
  const text = unread > 99 ? "99+" : String(unread || "");
  if (badge.textContent !== text) badge.textContent = text;
  if (unread) badge.setAttribute("aria-label", `${unread} unread`);
  else badge.removeAttribute("aria-label");
};
