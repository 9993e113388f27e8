const LONGEST = 2000;

/** Where the visitor comes from: the page of another site that led here, and their time zone. */
export function contextOf() {
  const { referrer } = document;
  const isOther = /^https?:/.test(referrer) && new URL(referrer).origin !== location.origin;
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { timeZone, ...(isOther && referrer.length <= LONGEST && { referrer }) };
}
