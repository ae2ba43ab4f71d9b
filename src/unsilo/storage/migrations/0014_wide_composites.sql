-- Composites whose number is wider than a point, for ranges over ranges: those of points are met by where they begin.
CREATE INDEX ix_cmp_wide ON ix_cmp (sp, code, sys, code2, sys2, hi, lo, rid) WHERE hi > lo;
