/** The most decimals a price is shown with; ISO 4217 knows up to 4. */
const maxExponent = 8;

/**
 * The decimal text of an amount in minor units, made of its digits alone so that no float can round it.
 * `decimalText(7105, 2)` is `71.05`.
 */
export function decimalText(amountMinor: number, exponent: number): string {
  const digits = String(Math.abs(amountMinor)).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const sign = amountMinor < 0 ? "-" : "";
  return exponent === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-exponent)}`;
}

/**
 * Money for people, in the given locale's way: `£71.00`. Amounts that are no safe integers come out as a dash, and
 * currencies that are no codes as they are.
 */
export function formatMoney(
  amountMinor: number,
  exponent: number,
  currency: string,
  locale: string | undefined,
): string {
  if (!Number.isSafeInteger(amountMinor) || !(exponent >= 0 && exponent <= maxExponent)) return "—";
  const text = decimalText(amountMinor, exponent);
  if (!/^[A-Za-z]{3}$/.test(currency)) return `${text} ${currency}`;
  return write(text, formatter(locale, exponent, currency));
}

/** The difference of two prices of the same currency, with its sign and without the currency: `+26.86`, `-1.03`. */
export function formatChange(changeMinor: number, exponent: number, locale: string | undefined): string {
  if (!Number.isSafeInteger(changeMinor) || !(exponent >= 0 && exponent <= maxExponent)) return "—";
  return write(decimalText(changeMinor, exponent), formatter(locale, exponent, null));
}

/** Intl.NumberFormat v3 reads decimal strings exactly; a number would pass through a float. */
function write(text: string, format: Intl.NumberFormat): string {
  return format.format(text as `${number}`);
}

const formatters = new Map<string, Intl.NumberFormat>();
const maxFormatters = 200;

function formatter(locale: string | undefined, exponent: number, currency: string | null): Intl.NumberFormat {
  const key = `${locale} ${exponent} ${currency}`;
  const known = formatters.get(key);
  if (known) return known;
  if (formatters.size >= maxFormatters) formatters.clear();
  const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent };
  const options: Intl.NumberFormatOptions =
    currency === null ? { signDisplay: "exceptZero" } : { style: "currency", currency };
  const made = new Intl.NumberFormat(locale, { ...options, ...digits });
  formatters.set(key, made);
  return made;
}
