/** Kinds of machine parts of the demonstration catalogue, with sizes as they are sold. Masses are per piece. */

export interface PartSize {
  readonly number: string
  readonly massGrams: number
}

export interface PartKind {
  /** First letters of the part's code: pinyin initials, as factories here use them. */
  readonly code: string
  readonly name: { readonly en: string; readonly zh: string }
  readonly material: string
  readonly manufacturer: string
  readonly sizes: readonly PartSize[]
}

export const PART_KINDS = {
  ballBearing: kind('ZC', ['Deep groove ball bearing', '深沟球轴承'], ['100Cr6', 'Songjiang Bearings'], {
    '6204-2RS': 110,
    '6205-2RS': 128,
    '6206-2Z': 201,
    '6308-2RS': 640,
    '6310-C3': 1080,
  }),
  angularBearing: kind('ZC', ['Angular contact ball bearing', '角接触球轴承'], ['100Cr6', 'Songjiang Bearings'], {
    '7010-C-P4': 260,
    '7012-AC-P4': 420,
    '7206-B': 210,
    '71914-C-P4': 350,
  }),
  rollerBearing: kind('ZC', ['Cylindrical roller bearing', '圆柱滚子轴承'], ['100Cr6', 'Songjiang Bearings'], {
    'NU208-E': 380,
    'NN3016-K': 720,
    'NJ310-E': 1230,
  }),
  shaft: kind('ZL', ['Transmission shaft', '传动轴'], ['42CrMo4', 'Xingkai Precision'], {
    'TS-25x320': 1230,
    'TS-30x410': 2270,
    'TS-40x560': 5520,
    'TS-50x700': 10780,
  }),
  spindle: kind('ZZ', ['Spindle', '主轴'], ['20MnCr5', 'Xingkai Precision'], {
    'SP-BT40-12000': 11800,
    'SP-A2-6-4500': 21400,
    'SP-HSK63-18000': 12600,
  }),
  ballScrew: kind('SG', ['Ball screw with nut', '滚珠丝杠副'], ['50CrMo4', 'Xingkai Precision'], {
    'BS-3210x620-C3': 4100,
    'BS-4010x900-C3': 8900,
    'BS-5012x1300-C5': 20100,
  }),
  guideRail: kind('DG', ['Linear guide rail', '直线导轨'], ['100Cr6', 'Xingkai Precision'], {
    'LG-25x840': 2700,
    'LG-35x1160': 7200,
    'LG-45x1640': 16900,
  }),
  shaftSeal: kind('MF', ['Radial shaft seal', '旋转轴唇形密封圈'], ['NBR 70', 'Nenjiang Sealing'], {
    '25x47x7-AS': 12,
    '30x52x7-AS': 15,
    '40x62x8-A': 22,
    '50x72x8-AS': 28,
  }),
  oRing: kind('MF', ['O-ring', 'O形密封圈'], ['FKM 75', 'Nenjiang Sealing'], {
    '18x2.65': 1,
    '32x3.55': 3,
    '56x3.55': 5,
    '90x5.30': 15,
  }),
  directionalValve: kind('FM', ['Directional control valve', '电磁换向阀'], ['EN-GJL-250', 'Beigang Hydraulics'], {
    '4WE6-D-24VDC': 1550,
    '4WE10-J-24VDC': 4300,
    '4WE6-E-220VAC': 1500,
  }),
  reliefValve: kind('FM', ['Pressure relief valve', '溢流阀'], ['EN-GJL-250', 'Beigang Hydraulics'], {
    'DBD-S6-315': 800,
    'DB10-2-200': 2600,
  }),
  cylinder: kind('YG', ['Hydraulic cylinder', '液压缸'], ['E355', 'Beigang Hydraulics'], {
    'CD-63-36-200': 9800,
    'CD-80-45-320': 18700,
    'CD-40-22-100': 3600,
  }),
  pump: kind('YB', ['Axial piston pump', '轴向柱塞泵'], ['EN-GJS-400', 'Beigang Hydraulics'], {
    'AP-18-DR': 12800,
    'AP-45-DFR': 23600,
  }),
  servoMotor: kind('DJ', ['Servo motor', '伺服电机'], ['EN AW-6082', 'Dongshan Drives'], {
    'SM-130-10N-B': 8300,
    'SM-180-27N': 19400,
    'SM-80-2N4': 2900,
  }),
  gearMotor: kind('DJ', ['Geared motor', '减速电机'], ['EN-GJL-200', 'Dongshan Drives'], {
    'GM-R47-1.5kW': 31000,
    'GM-K37-0.75kW': 22000,
  }),
  gear: kind('CL', ['Helical gear', '斜齿轮'], ['18CrNiMo7-6', 'Xingkai Precision'], {
    'HG-m2-z38': 640,
    'HG-m2.5-z52': 1720,
    'HG-m3-z24': 810,
  }),
  coupling: kind('LZ', ['Jaw coupling', '梅花联轴器'], ['EN AW-7075', 'Dongshan Drives'], {
    'JC-40-19-24': 240,
    'JC-55-24-32': 560,
  }),
  timingBelt: kind('PD', ['Timing belt', '同步带'], ['PU, steel cord', 'Dongshan Drives'], {
    'HTD-1120-8M-30': 260,
    'HTD-800-5M-25': 95,
  }),
  bolt: kind('JG', ['Hexagon socket head screw', '内六角圆柱头螺钉'], ['Steel 12.9', 'Xinghe Fasteners'], {
    M6x20: 7,
    M8x30: 17,
    M10x40: 34,
    M12x50: 59,
    M16x70: 141,
  }),
  lockNut: kind('JG', ['Precision lock nut', '精密锁紧螺母'], ['42CrMo4', 'Xinghe Fasteners'], {
    'LN-M25x1.5': 80,
    'LN-M40x1.5': 180,
    'LN-M60x2': 390,
  }),
  sensor: kind('CG', ['Inductive proximity sensor', '电感式接近传感器'], ['Brass, nickel plated', 'Liangang Sensing'], {
    'IS-M12-4-PNP': 25,
    'IS-M18-8-PNP': 44,
  }),
  encoder: kind('BM', ['Absolute rotary encoder', '绝对值编码器'], ['EN AW-6082', 'Liangang Sensing'], {
    'AE-58-17b': 310,
    'AE-36-23b': 120,
  }),
  contactor: kind('DQ', ['Contactor', '交流接触器'], ['PA66-GF', 'Liangang Sensing'], {
    'CT-18-24VDC': 370,
    'CT-40-220VAC': 920,
  }),
  filter: kind('LX', ['Oil filter element', '滤油器滤芯'], ['Glass fibre', 'Nenjiang Sealing'], {
    'FE-110-10um': 240,
    'FE-240-20um': 460,
  }),
} as const satisfies Record<string, PartKind>

export type PartKindName = keyof typeof PART_KINDS

function kind(
  code: string,
  [en, zh]: readonly [string, string],
  [material, manufacturer]: readonly [string, string],
  gramsBySize: Readonly<Record<string, number>>,
): PartKind {
  const sizes = Object.entries(gramsBySize).map(([number, massGrams]) => ({ number, massGrams }))
  return { code, name: { en, zh }, material, manufacturer, sizes }
}
