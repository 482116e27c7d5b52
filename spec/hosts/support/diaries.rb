# frozen_string_literal: true

require "set"

# What processes under test wrote of themselves (spec/hosts/apps/diary.rb)
class Diaries
  Entry = Struct.new(:pid, :number, :offset, :at_ms) do
    # @return [Array(Integer, Integer)] partition and offset: what names the message
    def place
      [number, offset]
    end
  end
  State = Struct.new(:pid, :name, :at_ms)

  # @param directory [String]
  def initialize(directory)
    @directory = directory
    @positions = Hash.new(0)
    @entries = []
  end

  # @return [Array<Entry>] messages that were consumed, each as often as it was
  def entries
    fresh("journal") { |pid, line| @entries << Entry.new(pid, *line.split.map(&:to_i)) }
    @entries
  end

  # @return [Array<State>] in the order in which they were entered
  def states
    lines("states").map { |pid, line| line.split.then { |name, at| State.new(pid, name, at.to_i) } }.sort_by(&:at_ms)
  end

  # @return [Array<Integer>] process ids whose last state is `running`
  def running
    states.group_by(&:pid).select { |_, list| list.last.name == "running" }.keys
  end

  # @return [Set<String>] what requests were taken by a process
  def begun
    lines("begun").to_set(&:last)
  end

  # @return [Array<Array(Integer, String)>] process id and line, of all processes
  def lines(kind)
    Dir.glob(File.join(@directory, "#{kind}.*")).flat_map do |path|
      File.readlines(path, chomp: true).map { |line| [pid_of(path), line] }
    end
  end

  # Of each partition everything up to the last message, since offsets begin at 0 and have no gaps
  # @return [Array<Array(Integer, Integer)>] places of messages that nobody consumed
  def missing
    seen = entries.to_set(&:place)
    last = seen.group_by(&:first).transform_values { |places| places.map(&:last).max }
    last.flat_map { |number, offset| (0..offset).map { |one| [number, one] } } - seen.to_a
  end

  # @return [Integer] different messages that were consumed
  def consumed
    entries.to_set(&:place).size
  end

  # @param sent [Integer] messages that were sent in all
  # @return [Integer] messages that nobody consumed
  def lost(sent)
    missing.size + [sent - consumed, 0].max
  end

  # @return [Integer] messages that were consumed again
  def repeated
    entries.size - consumed
  end

  private

  def pid_of(path)
    path[/\d+\z/].to_i
  end

  def fresh(kind)
    Dir.glob(File.join(@directory, "#{kind}.*")).each do |path|
      text = File.binread(path, nil, @positions[path]).to_s[/.*\n/m].to_s
      @positions[path] += text.bytesize
      text.each_line { |line| yield pid_of(path), line }
    end
  end
end
