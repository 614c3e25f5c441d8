// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tlscope {

/// What a type derives from to be on an IntrusiveList; one hook per list, told apart by `Tag`.
/// An element takes itself off its list when it is destroyed.
template <class Tag>
class ListHook {
 public:
  ListHook() = default;
  ~ListHook() { Unlink(); }
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;

  bool linked() const { return next_ != this; }

  /// Off whatever list it is on, if any.
  void Unlink() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    previous_ = next_ = this;
  }

 private:
  template <class, class>
  friend class IntrusiveList;

  ListHook* previous_ = this;
  ListHook* next_ = this;
};

/// A doubly linked list of elements it does not own. Every operation is O(1) and allocates nothing.
template <class T, class Tag>
class IntrusiveList {
 public:
  bool empty() const { return !ends_.linked(); }

  /// The oldest element; null when there is none.
  T* front() { return empty() ? nullptr : static_cast<T*>(ends_.next_); }

  /// Puts `element` last, wherever it was before.
  void PushBack(T& element) {
    ListHook<Tag>& hook = element;
    hook.Unlink();
    hook.previous_ = ends_.previous_;
    hook.next_ = &ends_;
    ends_.previous_->next_ = &hook;
    ends_.previous_ = &hook;
  }

 private:
  ListHook<Tag> ends_;  // next_ is the first element, previous_ the last
};

}  // namespace tlscope
