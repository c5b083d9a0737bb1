/** A part: what a product is made of, down to the single piece. Indexes are fixed for ever (template.ts). */
import type { Template } from '../template.js'

export const PART: Template = {
  name: 'part',
  label: { en: 'Part', zh: '零部件' },
  // biome-ignore format: a table reads better with one attribute a line
  attributes: [
    { index: 2000, name: 'partNumber', kind: 'text', required: true, maxOctets: 256, label: { en: 'Part number', zh: '零件号' } },
    { index: 2001, name: 'name', kind: 'text', required: true, maxOctets: 512, label: { en: 'Part name', zh: '零件名称' } },
    { index: 2002, name: 'manufacturer', kind: 'text', required: false, maxOctets: 512, label: { en: 'Manufacturer', zh: '生产企业' } },
    { index: 2003, name: 'batch', kind: 'text', required: false, maxOctets: 128, label: { en: 'Batch', zh: '批次号' } },
    { index: 2004, name: 'serial', kind: 'text', required: false, maxOctets: 128, label: { en: 'Serial number', zh: '序列号' } },
    { index: 2005, name: 'parent', kind: 'identifier', required: false, maxOctets: 512, label: { en: 'Product it belongs to (identifier)', zh: '所属产品标识' } },
    { index: 2006, name: 'drawing', kind: 'text', required: false, maxOctets: 2048, label: { en: 'Drawing (number or address)', zh: '图纸（图号或网址）' } },
    { index: 2007, name: 'dataSheet', kind: 'url', required: false, maxOctets: 2048, label: { en: 'Data sheet', zh: '技术资料' } },
    { index: 2008, name: 'material', kind: 'text', required: false, maxOctets: 256, label: { en: 'Material', zh: '材料' } },
    { index: 2009, name: 'mass', kind: 'decimal', required: false, maxOctets: 32, label: { en: 'Mass (kg)', zh: '质量（千克）' } },
    { index: 2010, name: 'model', kind: 'text', required: false, maxOctets: 256, label: { en: 'Model', zh: '型号' } },
    { index: 2011, name: 'specification', kind: 'text', required: false, maxOctets: 1024, label: { en: 'Specification', zh: '规格' } },
    { index: 2012, name: 'category', kind: 'text', required: false, maxOctets: 256, label: { en: 'Category', zh: '零件类别' } },
    { index: 2013, name: 'productionDate', kind: 'date', required: false, maxOctets: 10, label: { en: 'Production date', zh: '生产日期' } },
    { index: 2014, name: 'description', kind: 'text', required: false, maxOctets: 4096, label: { en: 'Description', zh: '零件描述' } },
  ],
}
