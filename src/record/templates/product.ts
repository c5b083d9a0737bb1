/** A product: a trade item as it is sold. Indexes are fixed for ever (template.ts). */
import type { Template } from '../template.js'

export const PRODUCT: Template = {
  name: 'product',
  label: { en: 'Product', zh: '产品' },
  // biome-ignore format: a table reads better with one attribute a line
  attributes: [
    { index: 2000, name: 'name', kind: 'text', required: true, maxOctets: 512, label: { en: 'Product name', zh: '产品名称' } },
    { index: 2001, name: 'gtin', kind: 'gtin', required: false, maxOctets: 14, label: { en: 'GTIN', zh: '全球贸易项目代码（GTIN）' } },
    { index: 2002, name: 'brand', kind: 'text', required: false, maxOctets: 256, label: { en: 'Brand', zh: '品牌' } },
    { index: 2003, name: 'model', kind: 'text', required: false, maxOctets: 256, label: { en: 'Model', zh: '型号' } },
    { index: 2004, name: 'specification', kind: 'text', required: false, maxOctets: 1024, label: { en: 'Specification', zh: '规格' } },
    { index: 2005, name: 'manufacturer', kind: 'text', required: false, maxOctets: 512, label: { en: 'Manufacturer', zh: '生产企业' } },
    { index: 2006, name: 'category', kind: 'text', required: false, maxOctets: 256, label: { en: 'Category', zh: '产品类别' } },
    { index: 2007, name: 'productionDate', kind: 'date', required: false, maxOctets: 10, label: { en: 'Production date', zh: '生产日期' } },
    { index: 2008, name: 'expiryDate', kind: 'date', required: false, maxOctets: 10, label: { en: 'Expiry date', zh: '有效期至' } },
    { index: 2009, name: 'picture', kind: 'url', required: false, maxOctets: 2048, label: { en: 'Picture', zh: '产品图片' } },
    { index: 2010, name: 'page', kind: 'url', required: false, maxOctets: 2048, label: { en: 'Product page', zh: '产品网页' } },
    { index: 2011, name: 'netContent', kind: 'text', required: false, maxOctets: 128, label: { en: 'Net content', zh: '净含量' } },
    { index: 2012, name: 'origin', kind: 'text', required: false, maxOctets: 256, label: { en: 'Place of origin', zh: '产地' } },
    { index: 2013, name: 'batch', kind: 'text', required: false, maxOctets: 128, label: { en: 'Batch', zh: '批次号' } },
    { index: 2014, name: 'serial', kind: 'text', required: false, maxOctets: 128, label: { en: 'Serial number', zh: '序列号' } },
    { index: 2015, name: 'description', kind: 'text', required: false, maxOctets: 4096, label: { en: 'Description', zh: '产品描述' } },
  ],
}
