/** The Gregorian calendar, as far as JavaScript is lenient about it: its dates take 30 February for 2 March. */

/** @param month 1 to 12 */
export function daysIn(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  if (month === 2) return isLeap ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}
