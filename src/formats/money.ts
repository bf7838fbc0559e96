import { quote } from "./outcome.ts";

// ISO 4217, list one (active codes), by minor unit; codes retired since 2020 are kept for delayed messages.
const codesByExponent: readonly (readonly [number, string])[] = [
  [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
  [
    2,
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
      "CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG " +
      "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK " +
      "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE " +
      "SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR " +
      "ZMW ZWG ZWL",
  ],
  [3, "BHD IQD JOD KWD LYD OMR TND"],
  [4, "CLF UYW"],
];

const exponents: ReadonlyMap<string, number> = new Map(
  codesByExponent.flatMap(([exponent, codes]) => codes.split(" ").map((code) => [code, exponent] as const)),
);

/** Decimals of a currency by ISO 4217 (2 for EUR, 0 for JPY, 3 for KWD), undefined for an unknown code. */
export function currencyExponent(currency: string): number | undefined {
  return exponents.get(currency);
}

const decimalAmount = /^(\d{1,16})(?:\.(\d{1,16}))?$/;

/**
 * A decimal string as integer minor units: "71.00" with exponent 2 is 7100. Zero decimals beyond the exponent are
 * tolerated. A reason for anything else; a JSON number above all, because a float has lost the exact amount.
 */
export function readDecimalAmount(raw: unknown, exponent: number, path: string): number | string {
  if (typeof raw === "number") {
    return `${path}: the JSON number ${quote(raw)} is not exact; send a decimal string or integer minor units`;
  }
  const match = typeof raw === "string" ? decimalAmount.exec(raw.trim()) : null;
  if (match === null) return `${path}: ${quote(raw)} is not an amount; send a decimal string like "71.00"`;
  const fraction = match[2] ?? "";
  if (/[1-9]/.test(fraction.slice(exponent))) {
    return `${path}: ${quote(raw)} has more than the currency's ${exponent} decimals`;
  }
  return checkMinor(Number(`${match[1]}${fraction.slice(0, exponent).padEnd(exponent, "0")}`), raw, path);
}

/** Integer minor units, as a JSON integer or a string of digits; a reason for anything else. */
export function readMinorAmount(raw: unknown, path: string): number | string {
  const isDigits = typeof raw === "string" && /^\d{1,17}$/.test(raw.trim());
  return checkMinor(isDigits ? Number(raw) : raw, raw, path);
}

function checkMinor(minor: unknown, raw: unknown, path: string): number | string {
  if (typeof minor === "number" && Number.isSafeInteger(minor) && minor >= 0) return minor + 0;
  return `${path}: ${quote(raw)} is not a whole number of minor units from 0 to ${Number.MAX_SAFE_INTEGER}`;
}
