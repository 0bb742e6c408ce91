/** Refused before anything is done: a scroll neither moves on nor is kept alive. */
export const refusals = [
  'status401',
  'status402',
  'status403',
  'status408',
  'status429',
  'status429bare',
  'status429retryAfter',
  'status502',
  'status503',
  'scrollExists',
  'scrollNotFound',
] as const;

/** The request was served, and its answer is lost: a scroll has moved on. */
export const losses = [
  'status500',
  'status500null',
  'status500scroll',
  'status504html',
  'empty200',
  'html200',
  'errorList200',
  'truncatedJson',
  'redirectSame',
  'redirectOther',
] as const;

/** The right answer, wrongly sent. */
export const deliveries = ['reset', 'cut', 'drip', 'freeze', 'freezeMidway', 'slow'] as const;

export type Refusal = (typeof refusals)[number];
export type Loss = (typeof losses)[number];
export type Delivery = (typeof deliveries)[number];
export type AnswerFault = Refusal | Loss | Delivery;

export function isRefusal(fault: AnswerFault): fault is Refusal {
  return refusals.some((refusal) => refusal === fault);
}

export function isDelivery(fault: AnswerFault): fault is Delivery {
  return deliveries.some((delivery) => delivery === fault);
}
