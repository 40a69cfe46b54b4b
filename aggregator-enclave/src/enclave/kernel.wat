;; sums[i] += values[i] * weight, exactly, in 64-bit integers: the one inner loop of aggregation.
;; A negative weight takes away what the positive one added (two's complement, so any order gives the same bits).
;; kernel-wasm.ts is this file assembled; a test assembles it again and compares.
(module
  (import "enclave" "memory" (memory 0))
  ;; byte addresses of count int64 sums and of count int32 values; weight is at least -(2^31) + 1
  (func (export "accumulate") (param $sums i32) (param $values i32) (param $count i32) (param $weight i32)
    (local $end i32) (local $weights v128) (local $four v128)
    local.get $weight
    i32x4.splat
    local.set $weights
    ;; four at a time
    local.get $values
    local.get $count
    i32.const -4
    i32.and
    i32.const 2
    i32.shl
    i32.add
    local.set $end
    block $done
    loop $next
      local.get $values
      local.get $end
      i32.ge_u
      br_if $done
      local.get $sums
      local.get $sums
      v128.load offset=0
      local.get $values
      v128.load offset=0
      local.tee $four
      local.get $weights
      i64x2.extmul_low_i32x4_s
      i64x2.add
      v128.store offset=0
      local.get $sums
      local.get $sums
      v128.load offset=16
      local.get $four
      local.get $weights
      i64x2.extmul_high_i32x4_s
      i64x2.add
      v128.store offset=16
      local.get $sums
      i32.const 32
      i32.add
      local.set $sums
      local.get $values
      i32.const 16
      i32.add
      local.set $values
      br $next
    end
    end
    ;; the last three or fewer
    local.get $values
    local.get $count
    i32.const 3
    i32.and
    i32.const 2
    i32.shl
    i32.add
    local.set $end
    block $whole
    loop $rest
      local.get $values
      local.get $end
      i32.ge_u
      br_if $whole
      local.get $sums
      local.get $sums
      i64.load offset=0
      local.get $values
      i64.load32_s offset=0
      local.get $weight
      i64.extend_i32_s
      i64.mul
      i64.add
      i64.store offset=0
      local.get $sums
      i32.const 8
      i32.add
      local.set $sums
      local.get $values
      i32.const 4
      i32.add
      local.set $values
      br $rest
    end
    end
  )
)
