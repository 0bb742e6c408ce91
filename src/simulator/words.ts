/** Words that the generated people are made of: every script that breaks somebody's loader. */

/** A name in its own script, and its plain form for an e-mail address. */
export type Name = readonly [written: string, plain: string];
type Choices<T> = readonly [T, ...T[]];

export const givenNames: Choices<Name> = [
  ['Ada', 'ada'],
  ['Grace', 'grace'],
  ['José', 'jose'],
  ['Zoë', 'zoe'],
  ['Łukasz', 'lukasz'],
  ['Þóra', 'thora'],
  ['Nguyễn Thị', 'thi'],
  ['Ольга', 'olga'],
  ['Дмитро', 'dmytro'],
  ['Ελένη', 'eleni'],
  ['محمد', 'muhammad'],
  ['פנינה', 'pnina'],
  ['美咲', 'misaki'],
  ['サトシ', 'satoshi'],
  ['小明', 'xiaoming'],
  ['지민', 'jimin'],
  ['आरव', 'aarav'],
  ['கவிதா', 'kavitha'],
  ['สมชาย', 'somchai'],
  ['ნინო', 'nino'],
  ['Անի', 'ani'],
  ['አበበ', 'abebe'],
  ['𠮷太郎', 'yoshitaro'],
  ['e\u0301lodie', 'elodie'],
  ['Sam 🦊', 'sam'],
  ['Ronnie 👩🏽‍🚀', 'ronnie'],
  ['🏴󠁧󠁢󠁷󠁬󠁳󠁿 Cerys', 'cerys'],
  ["D'Arcy", 'darcy'],
  ['Anne-Marie', 'annemarie'],
  ['Robert "Bob"', 'bob'],
  ['Li', 'li'],
  ['İpek', 'ipek'],
];

export const familyNames: Choices<Name> = [
  ['Lovelace', 'lovelace'],
  ["O'Neill", 'oneill'],
  ['Müller', 'mueller'],
  ['Søndergård', 'sondergard'],
  ['Иванова', 'ivanova'],
  ['Παπαδόπουλος', 'papadopoulos'],
  ['العلي', 'alali'],
  ['כהן', 'cohen'],
  ['山田', 'yamada'],
  ['王', 'wang'],
  ['김', 'kim'],
  ['शर्मा', 'sharma'],
  ['สุขใจ', 'sukjai'],
  ['ბერიძე', 'beridze'],
  ['Ștefănescu', 'stefanescu'],
  ['van der Berg', 'vanderberg'],
  ['Smith', 'smith'],
  ['García Márquez', 'garcia'],
  ['<script>', 'script'],
  ['\\backslash\\', 'backslash'],
  ['Null', 'null'],
  ['𝔉𝔯𝔞𝔨𝔱𝔲𝔯', 'fraktur'],
];

export const mailDomains: Choices<string> = ['example.com', 'example.org', 'example.net'];

/** With 555-01xx behind them these are the numbers kept free for fiction. */
export const areaCodes: Choices<string> = [
  '202',
  '206',
  '212',
  '213',
  '303',
  '312',
  '404',
  '415',
  '503',
  '512',
  '602',
  '617',
  '702',
  '713',
  '808',
  '907',
];

export interface Place {
  city: string;
  continent: string;
  code: string;
  country: string;
  postal: string;
  region: string;
  timezone: string;
  latitude: number;
  longitude: number;
}

export const places: Choices<Place> = [
  place('Dublin', 'EU', 'IRL', 'Ireland', 'D02', 'Leinster', 'Europe/Dublin', 53.3331, -6.2489),
  place('San José', 'NA', 'CRI', 'Costa Rica', '', '', 'America/Costa_Rica', 9.9281, -84.0907),
  place('東京', 'AS', 'JPN', '日本', '100-0001', '東京都', 'Asia/Tokyo', 35.6895, 139.6917),
  place('Київ', 'EU', 'UKR', 'Україна', '01001', 'Київ', 'Europe/Kyiv', 50.4501, 30.5234),
  place('São Paulo', 'SA', 'BRA', 'Brasil', '01000-000', 'SP', 'America/Sao_Paulo', -23.55, -46.63),
  place('القاهرة', 'AF', 'EGY', 'مصر', '11511', '', 'Africa/Cairo', 30.0444, 31.2357),
  place("Nuku'alofa", 'OC', 'TON', 'Tonga', '', 'Tongatapu', 'Pacific/Tongatapu', -21.1394, -175.2),
];

function place(
  city: string,
  continent: string,
  code: string,
  country: string,
  postal: string,
  region: string,
  timezone: string,
  latitude: number,
  longitude: number,
): Place {
  return { city, continent, code, country, postal, region, timezone, latitude, longitude };
}

export const tagNames: Choices<string> = ['vip', 'beta 🚧', 'Trial – ended', 'кит', 'a,b;"c"', ' '];

export const companyNames: Choices<string> = [
  'Analytical Engines Ltd',
  'Blåbær AS',
  '株式会社サンプル',
  "L'Été & Fils",
  'Null Island Ferries',
];

export const userAgents: Choices<string> = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/99.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 9_0 like Mac OS X) AppleWebKit/601.1 Mobile/13A344',
  'bb-simplecurl',
];

/** Valid texts that still break naive loaders: newlines, tabs, quotes, U+2028, COPY's own `\.`. */
export const notes: Choices<string> = [
  'first line\nsecond line',
  'carriage\r\nreturn and\ttab',
  'a \\ backslash, a "quote", an \'apostrophe\'',
  'a\u2028line\u2029separator',
  '\\.',
  '\\u0000 written out, not the character',
  "Robert'); DROP TABLE users;--",
  '',
  '{"looks":"like JSON"}',
  '\u200fright to left\u202e mixed',
];
