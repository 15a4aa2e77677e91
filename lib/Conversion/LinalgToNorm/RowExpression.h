//===- RowExpression.h ------------------------------------------*- C++ -*-===//
//
// Part of the normc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an element of a tensor is, as one expression of elements of other
// tensors, however it is cut into linalg operations. Equal expressions are one
// object, so that two ways to compute the same are compared by address.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CONVERSION_LINALGTONORM_ROWEXPRESSION_H
#define LIB_CONVERSION_LINALGTONORM_ROWEXPRESSION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/FoldingSet.h"

namespace mlir::norm {

/// An expression over the indices (d0, ..., row position) of a row space.
struct RowExpression : llvm::FoldingSetNode {
  enum class Kind {
    Element,     // value[map(indices)]
    Scalar,      // value, the same everywhere
    Size,        // extent of dimension `integer` of value
    Constant,    // constant
    Sum,         // of operands[0] over the row position; `integer` elements
    Accumulator, // what a sum has so far; only inside of the search for one
    Add,
    Sub,
    Mul,
    Div,
    Sqrt,
    Convert, // to `type`, rounded to nearest even where that narrows
    Other,   // an operation named by `name`, with `attributes`
  };

  Kind kind;
  Type type;
  ArrayRef<const RowExpression *> operands;
  Value value;
  AffineMap map;
  int64_t integer = 0;
  double constant = 0;
  const void *name = nullptr;
  Attribute attributes;

  // Below, what follows from the above or says where it was found first.
  unsigned id = 0;
  bool variesInRow = false;
  bool hasRoot = false;
  bool hasAccumulator = false;
  Operation *operation = nullptr;

  bool is(Kind other) const { return kind == other; }
  bool isConstant(double number) const {
    return kind == Kind::Constant && constant == number;
  }
  const RowExpression *operand(unsigned i = 0) const { return operands[i]; }
  void Profile(llvm::FoldingSetNodeID &id) const;
};

/// Reads and keeps expressions. What it returns is valid until clear().
class RowExpressions {
public:
  using Expression = const RowExpression *;
  using Kind = RowExpression::Kind;
  /// `value` holds the expression at `map` of the indices.
  struct Place {
    Value value;
    AffineMap map;
  };

  /// The element of `tensor` at `access`, a map from a row space. Tensors whose
  /// producer is not understood are leaves.
  Expression element(Value tensor, AffineMap access);
  Expression scalar(Value value);
  /// The extent of a dimension; equal where it is known to be.
  Expression size(Value tensor, int64_t dim);
  Expression size(OpFoldResult size);

  Expression constant(Type type, double value);
  /// Arithmetic narrower than f32 becomes that in f32, rounded: with at least
  /// 2p + 2 digits the second rounding changes nothing.
  Expression arithmetic(Kind kind, Type type, ArrayRef<Expression> operands,
                        Operation *operation = nullptr);
  Expression convert(Expression expression, Type type);

  /// The values outside of linalg bodies that hold `expression`, in the order
  /// in which they were read: producers first.
  ArrayRef<Place> getPlaces(Expression expression) const;

  /// Forgets everything; after a change of the IR.
  void clear();

private:
  struct Body;
  Expression unique(RowExpression expression);
  Expression leaf(Value tensor, AffineMap access);
  Expression readElement(Value tensor, AffineMap access);
  Expression readStructured(linalg::LinalgOp op, OpResult result,
                            AffineMap access);
  Expression readReshape(Value source, RankedTensorType sourceType,
                         RankedTensorType type,
                         ArrayRef<ReassociationIndices> groups, bool expands,
                         AffineMap access);
  Expression evaluate(Value value, Body *body);
  Expression evaluate(Operation *op, ArrayRef<Expression> operands);
  Expression power(Operation *op, Expression base, Expression exponent);

  llvm::BumpPtrAllocator allocator;
  llvm::FoldingSet<RowExpression> expressions;
  DenseMap<std::pair<Value, AffineMap>, Expression> elements;
  DenseMap<Value, Expression> scalars;
  DenseMap<Expression, SmallVector<Place, 1>> places;
  unsigned count = 0;
};

/// A type whose every value is one of `to`.
bool isExactlyRepresentable(Type from, Type to);

} // namespace mlir::norm

#endif // LIB_CONVERSION_LINALGTONORM_ROWEXPRESSION_H
