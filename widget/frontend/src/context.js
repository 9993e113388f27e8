const MAX_LENGTH = 2000;

/** Return the referrer, if it is a page of another site, and the visitor's time zone. */
export function contextOf() {
  const { referrer } = document;
  const isOther = /^https?:/.test(referrer) && new URL(referrer).origin !== location.origin;
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { timeZone, ...(isOther && referrer.length <= MAX_LENGTH && { referrer }) };
}
